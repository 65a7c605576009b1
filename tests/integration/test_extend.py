"""A larger sweep file trains the difference alone, and a rerun everything: through planning, the store and the queue."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.home import Home
from orchestrator.states import RunState
from orchestrator.store import CeilingExceeded, SweepRecord
from orchestrator.use_cases.planning import Planning
from orchestrator.use_cases.submission import submit as submit_plan
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.compose import load_sweep
from tests.conftest import ROOT, Finished
from tests.unit.orchestrator.store_fixtures import usage_of_sweep, usage_of_user

TINY = ROOT / "sweeps" / "conf" / "tiny.yaml"


@pytest.fixture
def workspace(tmp_path: Path, finished: Finished) -> Iterator[Workspace]:
    """A copy of the home in which the tiny sweep is finished."""
    home = Home(tmp_path, "test").create()
    finished.isoflop("db", "backup", "--to", str(home.database))
    shutil.copytree(finished.sandbox.home / "artifacts", home.artifacts, dirs_exist_ok=True)
    opened = Workspace(home)
    yield opened
    opened.store.close()


def _submit(workspace: Workspace, *overrides: str, rerun: bool = False) -> SweepRecord:
    return submit_plan(workspace, Planning(workspace).plan_spec(load_sweep(TINY, overrides)), rerun=rerun)


@pytest.mark.slow
def test_a_larger_sweep_runs_the_difference(workspace: Workspace) -> None:
    small = workspace.store.sweep("tiny")
    done = {r.id: r.loss for r in workspace.store.runs_of(small.id)}
    large = _submit(workspace, "seeds.default=2")
    runs = workspace.store.runs_of(large.id)
    assert large.revision != small.revision
    assert {r.id: r.loss for r in runs if r.state is RunState.DONE} == done
    queued = [r for r in runs if r.state is RunState.QUEUED]
    assert len(queued) == len(done)
    assert usage_of_sweep(workspace.store, large.id).flops == pytest.approx(sum(r.flops for r in queued))
    assert _submit(workspace, "seeds.default=2").id == large.id


@pytest.mark.slow
def test_a_rerun_is_asked_for_and_counts_against_the_ceilings(workspace: Workspace) -> None:
    again = _submit(workspace, rerun=True)
    assert set(workspace.store.state_counts(again.id)) == {RunState.QUEUED}
    spent = usage_of_user(workspace.store, again.user).flops
    planned = sum(r.flops for r in workspace.store.runs_of(again.id))
    assert spent == pytest.approx(2 * planned)
    workspace.settings = replace(workspace.settings, user_flops=spent)
    with pytest.raises(CeilingExceeded, match="above the ceiling"):
        _submit(workspace, "seeds.default=2")

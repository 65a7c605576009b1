"""Submission: what a revision is made of, and what is stored, published, queued again and rerun."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.attempts import Outcome
from orchestrator.people import Actor, Role
from orchestrator.scheduling.durations import Durations
from orchestrator.scheduling.speed import SpeedModel
from orchestrator.states import Cause, Hold, RunState
from orchestrator.store import CeilingExceeded
from orchestrator.use_cases.submission import _revision, new_run, submit
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.spec import LimitsSpec
from tests.unit.orchestrator.scheduling.rates import rates_at
from tests.unit.orchestrator.use_cases.homes import end, finish, open_home, planned


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_home(tmp_path)


def test_a_revision_follows_the_data_and_the_runs_but_not_the_name() -> None:
    base = _revision(planned("aaaa"))
    assert _revision(planned("aaaa")) == base and len(base) == 16
    assert _revision(planned("aaaa", name="y")) == base
    assert _revision(planned("bbbb")) != base
    assert _revision(planned("aaaa", budgets=(1e11, 3e11, 9e11))) != base


def test_a_plan_is_stored_with_its_runs_and_twice_makes_no_difference(workspace: Workspace) -> None:
    made = planned(limits=LimitsSpec(flops=1e15, hours=2))
    sweep = submit(workspace, made)
    assert (sweep.name, sweep.dataset, sweep.unique_tokens, sweep.user) == ("x", "aaaa", 50_000_000, "me")
    assert (sweep.ceiling_flops, sweep.ceiling_seconds) == (1e15, 2 * 3600 * 2)
    assert {run.id for run in workspace.store.runs_of(sweep.id)} == {run.run_id for run in made.plan.all_runs}
    assert submit(workspace, made).id == sweep.id
    assert len(workspace.store.sweeps()) == 1


def test_a_new_revision_is_paid_for_by_the_owner_of_the_first(workspace: Workspace) -> None:
    submit(workspace, planned(), by=Actor("ada", Role.SUBMITTER))
    later = submit(workspace, planned(budgets=(1e11, 9e11)), by=Actor("root", Role.ADMIN))
    assert later.user == "ada"
    assert workspace.store.ledger("root") == [] and workspace.store.sweep("x").id == later.id
    assert submit(workspace, planned(name="y"), by=Actor("root", Role.ADMIN)).user == "root"


def test_a_sweep_without_limits_has_no_ceilings(workspace: Workspace) -> None:
    sweep = submit(workspace, planned())
    assert (sweep.ceiling_flops, sweep.ceiling_seconds) == (None, None)


def test_the_data_are_published_before_the_runs_can_be_handed_out(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[tuple[Path, int]] = []
    artifacts = workspace.artifacts
    monkeypatch.setattr(artifacts, "publish", lambda folder: published.append((folder, len(workspace.store.sweeps()))))
    submit(workspace, planned())
    assert published == [(workspace.home.artifacts / "aaaa", 0)]


def test_failed_runs_are_queued_again_and_a_held_sweep_continues(workspace: Workspace) -> None:
    sweep = submit(workspace, planned())
    first, second, *_ = workspace.store.runs_of(sweep.id)
    end(workspace, first.id, Outcome(Cause.CONFIGURATION, detail="no such field"))
    finish(workspace, second.id)
    workspace.store.hold(sweep.id, Hold.PAUSED, "lunch")
    submit(workspace, planned())
    assert workspace.store.run(first.id).state is RunState.QUEUED
    assert workspace.store.run(second.id).state is RunState.DONE
    assert workspace.store.sweep("x").held is None


def test_a_rerun_trains_finished_runs_again(workspace: Workspace) -> None:
    sweep = submit(workspace, planned())
    run = workspace.store.runs_of(sweep.id)[0]
    finish(workspace, run.id)
    submit(workspace, planned(), rerun=True)
    assert workspace.store.run(run.id).state is RunState.QUEUED


def test_a_sweep_above_a_ceiling_is_not_stored(tmp_path: Path) -> None:
    workspace = open_home(tmp_path, user_flops=1e9)
    with pytest.raises(CeilingExceeded):
        submit(workspace, planned())
    assert workspace.store.sweeps() == []


def test_a_run_is_stored_with_what_predicted_its_seconds() -> None:
    made = planned(device="h100")
    one = replace(made.plan.runs[0], seconds=20.0)
    cost = SpeedModel(rates_at((1e4, 1e10)), Durations.of(()))
    stored = new_run(one, cost, made.spec.kind)
    assert (stored.id, stored.flops, stored.predicted_seconds, stored.role) == (one.run_id, one.flops, 20.0, "grid")
    assert stored.config == one.run.to_dict()
    assert stored.cell.kind == "h100"
    assert stored.cell.calibrated_seconds == pytest.approx(cost.calibrated(20.0, one.params))
    assert new_run(one).cell.calibrated_seconds is None and new_run(one).cell.kind == "auto"
    assert new_run(replace(one, seconds=None), cost).cell.calibrated_seconds is None

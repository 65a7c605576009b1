"""Answering: sweeps are found by name or revision, with runs and forecasts, and compared with each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import NotFound
from orchestrator.use_cases import answering as module
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.submission import submit
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.use_cases.homes import open_home, planned
from tests.unit.orchestrator.use_cases.simulated import simulated_answers


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    opened = open_home(tmp_path)
    submit(opened, planned())
    submit(opened, planned(budgets=(1e11, 9e11)))
    return opened


def test_a_name_is_the_latest_revision(workspace: Workspace) -> None:
    answering = Answering(workspace)
    latest, first = answering.sweeps()
    assert answering.sweep("x") == latest and latest.revision != first.revision
    assert answering.sweep(f"x@{first.revision}") == first
    with pytest.raises(NotFound):
        answering.of("nothing")


def test_answers_are_of_the_sweep_s_own_runs_and_forecasts(workspace: Workspace) -> None:
    sweep = Answering(workspace).sweep("x")
    run = workspace.store.runs_of(sweep.id)[0]
    workspace.store.add_forecast(sweep.id, run.id, "law", 1e12, {"loss": 3.0})
    answers = Answering(workspace).of("x")
    assert answers.sweep == sweep
    assert [r.id for r in answers.runs] == [r.id for r in workspace.store.runs_of(sweep.id)]
    assert len(answers.forecasts) == 1
    assert Answering(workspace).of_record(sweep).name == answers.name


def test_the_baseline_is_the_first_sweep_that_is_named(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    sides = {name: simulated_answers(name, vary={"context": [128, 64]}) for name in ("a", "b")}
    monkeypatch.setattr(module.Answering, "of", lambda _self, name: sides[name])
    made = Answering(workspace).compare("a", "b", ("context=128", "context=64"))
    assert (made.baseline, made.other) == ("a context=128", "b context=64")
    assert made.at_largest.multiplier == pytest.approx(0.25, rel=0.1)

"""Reading: how much of each sweep is done, and the runs of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.attempts import Outcome
from orchestrator.errors import NotFound
from orchestrator.states import Cause
from orchestrator.use_cases.reading import runs_of, summaries
from orchestrator.use_cases.submission import submit
from tests.unit.orchestrator.use_cases.homes import end, finish, open_home, planned


def test_a_summary_counts_runs_and_flops_by_state(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    sweep = submit(workspace, planned())
    done, failed, diverged, *_ = runs = workspace.store.runs_of(sweep.id)
    finish(workspace, done.id)
    end(workspace, failed.id, Outcome(Cause.CONFIGURATION))
    end(workspace, diverged.id, Outcome(Cause.DIVERGED))
    (summary,) = summaries(workspace)
    assert (summary.sweep.name, summary.total, summary.done, summary.failed) == ("x", len(runs), 1, 2)
    assert summary.flops_spent == done.flops
    assert summary.flops_planned == pytest.approx(sum(run.flops for run in runs))


def test_an_empty_sweep_is_summed_up_too(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    submit(workspace, planned(budgets=(1e3, 3e3)))
    (summary,) = summaries(workspace)
    assert (summary.total, summary.done, summary.failed, summary.flops_spent, summary.flops_planned) == (0, 0, 0, 0, 0)


def test_runs_come_in_the_order_of_the_plan_and_no_more_than_asked(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    sweep = submit(workspace, planned())
    found = runs_of(workspace, "x")
    assert found.sweep.id == sweep.id
    assert [run.id for run in found.runs] == [run.run_id for run in planned().plan.all_runs]
    assert [run.id for run in runs_of(workspace, "x", limit=2).runs] == [run.id for run in found.runs[:2]]
    assert found.forecasts == []
    workspace.store.add_forecast(sweep.id, found.runs[0].id, "law", 1e12, {"loss": 3.0})
    assert len(runs_of(workspace, "x").forecasts) == 1
    with pytest.raises(NotFound):
        runs_of(workspace, "nothing")

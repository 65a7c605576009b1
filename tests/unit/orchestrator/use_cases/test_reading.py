"""Reading: how much of each sweep is done, and the runs of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.attempts import Outcome, Slot
from orchestrator.errors import NotFound
from orchestrator.states import Cause, SweepState
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.control import cancel, pause
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.reading import (
    SharedDevice,
    SharedWorker,
    runs_of,
    shared_devices,
    shared_workers,
    summaries,
)
from orchestrator.use_cases.submission import submit
from tests.unit.orchestrator.store_fixtures import new_run, sweep_record
from tests.unit.orchestrator.use_cases.homes import end, finish, open_home, planned, small_home, start


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


def test_a_check_of_the_recipe_that_diverged_is_done(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    workspace.store.submit(sweep_record(), [replace(new_run(0), role="check"), new_run(1)])
    for run in ("run0", "run1"):
        end(workspace, run, Outcome(Cause.DIVERGED))
    (summary,) = summaries(workspace)
    assert (summary.done, summary.failed, summary.total, summary.state) == (1, 1, 2, SweepState.INCOMPLETE)
    assert summary.flops_spent == workspace.store.run("run0").flops


def test_a_summary_has_the_state_of_the_progress(tmp_path: Path) -> None:
    workspace = small_home(tmp_path)

    def states() -> set[SweepState]:
        (found,) = [each for each in summaries(workspace) if each.sweep.revision == "bbbb"]
        return {found.state, Execution(workspace).progress(found.sweep).state}

    assert states() == {SweepState.QUEUED}
    start(workspace, "run2")
    assert states() == {SweepState.RUNNING}
    pause(workspace, "demo")
    assert states() == {SweepState.PAUSED}
    cancel(workspace, "demo")
    assert states() == {SweepState.CANCELLED}


def test_the_forecasts_of_earlier_revisions_stay(tmp_path: Path) -> None:
    workspace = small_home(tmp_path)
    workspace.store.add_forecast(workspace.store.sweep("demo@aaaa").id, "run0", "law", 1e12, {"loss": 3.0})
    assert len(runs_of(workspace, "demo@bbbb").forecasts) == len(Answering(workspace).of("demo").forecasts) == 1


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


def test_runs_that_one_worker_has_in_training_share_it(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    submit(workspace, planned())
    first, second, third, *_ = (run.id for run in runs_of(workspace, "x").runs)
    for run in (second, first, third):
        start(workspace, run)
    assert workspace.store.end_all([(third, 1, Outcome(Cause.CONFIGURATION))]) != [None]
    assert runs_of(workspace, "x").shared == (SharedWorker("worker", tuple(sorted((first, second)))),)


def test_workers_of_one_gpu_share_it() -> None:
    """As stored with runs: three workers of one GPU, of which one has a stack, and one of another."""
    slots = [Slot(f"worker-{i}", f"0123456789/{i // 3}", "H100", 4, gpu=True) for i in range(4)]
    assert [slot.shown for slot in slots][2:] == [
        "worker-2 on GPU 0 of node 012345",
        "worker-3 on GPU 1 of node 012345",
    ]
    assert Slot("w", "node/0", "H100", gpu=True).shown == "w", "it has the device for itself"
    pairs = [(slots[i].shown, run) for i, run in ((2, "e"), (0, "b"), (1, "c"), (0, "a"), (3, "d"))]
    assert shared_devices([*pairs, ("w", "f"), ("v", "g")]) == (
        SharedDevice("GPU 0 of node 012345", ("worker-0", "worker-1", "worker-2"), ("a", "b", "c", "e")),
    )
    assert shared_workers(pairs) == (SharedWorker(slots[0].shown, ("a", "b")),)


def test_a_worker_with_one_run_and_one_without_a_name_share_nothing() -> None:
    pairs = [("b", "3"), ("b", "2"), ("a", "1"), ("", "4"), ("", "5"), ("0", "7"), ("0", "6")]
    assert shared_workers(pairs) == (SharedWorker("0", ("6", "7")), SharedWorker("b", ("2", "3")))

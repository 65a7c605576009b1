"""How far a sweep is."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from orchestrator.attempts import RunProgress
from orchestrator.scheduling.progress import LiveRun, mixed_devices, progress_from_json, progress_of
from orchestrator.states import RunState
from orchestrator.store import RunRecord
from tests.unit.orchestrator.scheduling.test_job import RUN
from tests.unit.orchestrator.store_fixtures import made_cell

RUNS = [
    replace(RUN, id=state.value, state=state, predicted_seconds=10.0, cell=made_cell(tokens=1000, shape="L2"))
    for state in RunState
]
LIVE = {"running": RunProgress(250, 2e8, 3.5)}


def test_every_state_is_counted_and_flops_by_what_is_done() -> None:
    progress = progress_of(RUNS, LIVE, 1, "paused", "waits")
    assert (progress.total, progress.queued, progress.done, progress.failed, progress.cancelled) == (6, 1, 1, 2, 1)
    assert progress.running == (LiveRun("running", "L2", 1e9, 0.25, 3.5),)
    assert (progress.flops_planned, progress.flops_spent) == (48.0, 8.0 + 0.25 * 8.0)
    assert (progress.held, progress.waits, progress.finished) == ("paused", "waits", False)


def test_a_check_that_diverged_is_done() -> None:
    (check,) = [replace(run, role="check") for run in RUNS if run.state is RunState.DIVERGED]
    progress = progress_of([check], {}, 1)
    assert (progress.done, progress.failed, progress.finished) == (1, 0, True)


@pytest.mark.parametrize(("workers", "left"), [(1, 17.5), (2, 10.0), (0, 17.5)])
def test_the_time_left_is_shared_by_the_workers_but_no_run_is(workers: int, left: float) -> None:
    assert progress_of(RUNS, LIVE, workers).seconds_left == left


def test_without_a_prediction_no_time_left_is_known() -> None:
    unknown = replace(RUNS[0], predicted_seconds=None)
    assert progress_of([unknown], {}, 1).seconds_left is None
    assert progress_of([replace(unknown, state=RunState.FAILED)], {}, 1).seconds_left == 0.0


def test_a_run_without_a_report_or_a_cell_has_begun_with_nothing() -> None:
    running = next(run for run in RUNS if run.state is RunState.RUNNING)
    assert progress_of([running], {}, 1).running[0].fraction == 0.0
    bare: RunRecord = replace(running, cell=None)
    assert progress_of([bare], LIVE, 1).running == (LiveRun("running", "running", 8.0, 0.0, 3.5),)
    beyond = {"running": RunProgress(5000)}
    assert progress_of([running], beyond, 1).running[0].fraction == 1.0


def test_json_gives_an_equal_progress_back() -> None:
    progress = progress_of(RUNS, LIVE, 2, "held")
    assert progress_from_json(json.loads(json.dumps(asdict(progress))) | {"a later field": 1}) == progress


def test_several_kinds_of_device_are_warned_of() -> None:
    runs = [replace(RUN, device=kind) for kind in ("A", "B", "B", None)]
    assert mixed_devices(runs) == ["runs were trained on several kinds of device: 2 on B and 1 on A"]
    assert mixed_devices(runs[1:]) == [] == mixed_devices([])

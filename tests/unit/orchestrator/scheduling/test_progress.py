"""How far a sweep is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator.attempts import RunProgress
from orchestrator.scheduling.progress import LiveRun, mixed_devices, progress_from_json, progress_json, progress_of
from orchestrator.states import Hold, RunState, SweepState
from orchestrator.store import RunRecord
from tests.unit.orchestrator.scheduling.test_job import RUN
from tests.unit.orchestrator.store_fixtures import made_cell, sweep_record

RUNS = [
    replace(RUN, id=state.value, state=state, predicted_seconds=10.0, cell=made_cell(tokens=1000, shape="L2"))
    for state in RunState
]
SWEEP = sweep_record()
LIVE = {"running": RunProgress(250, 2e8, 3.5, worker="worker-1")}


def test_every_state_is_counted_and_flops_by_what_is_done() -> None:
    progress = progress_of(RUNS, LIVE, 1, replace(SWEEP, held=Hold.PAUSED, held_reason="lunch"))
    assert (progress.total, progress.queued, progress.done, progress.failed, progress.cancelled) == (6, 1, 1, 2, 1)
    assert progress.running == (LiveRun("running", "L2", 1e9, 0.25, 3.5, 2, 10, 7.5, "worker-1"),)
    assert (progress.flops_planned, progress.flops_spent) == (48.0, 8.0 + 0.25 * 8.0)
    assert (progress.held, progress.waits, progress.finished) == ("paused: lunch", "", False)
    assert progress.state is SweepState.PAUSED


def test_what_a_sweep_waits_for_does_not_hold_it() -> None:
    progress = progress_of(RUNS, LIVE, 1, replace(SWEEP, held_reason="no h100"))
    assert (progress.held, progress.waits, progress.state) == ("", "no h100", SweepState.RUNNING)
    assert progress_of(RUNS, LIVE, 1).state is SweepState.RUNNING


@pytest.mark.parametrize(
    ("states", "held", "expected"),
    [
        (["done", "done"], Hold.CANCELLED, "done"),
        (["done", "cancelled"], Hold.CANCELLED, "cancelled"),
        (["done", "running"], Hold.CANCELLED, "cancelled"),
        (["done", "cancelled"], None, "incomplete"),
        (["done", "failed"], None, "incomplete"),
        (["done", "diverged"], Hold.PAUSED, "incomplete"),
        (["done", "queued"], Hold.PAUSED, "paused"),
        (["done", "queued"], None, "queued"),
        (["queued", "running"], None, "running"),
    ],
)
def test_a_sweep_has_one_state(states: list[str], held: Hold | None, expected: str) -> None:
    runs = [next(run for run in RUNS if run.state == state) for state in states]
    assert progress_of(runs, {}, 1, replace(SWEEP, held=held)).state == expected


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
    assert progress_of([bare], LIVE, 1).running == (
        LiveRun("running", "running", 8.0, 0.0, 3.5, seconds_left=10.0, worker="worker-1"),
    )
    beyond = {"running": RunProgress(5000)}
    assert progress_of([running], beyond, 1).running[0].fraction == 1.0


def test_json_gives_an_equal_progress_back() -> None:
    progress = progress_of(RUNS, LIVE, 2, replace(SWEEP, held=Hold.PAUSED))
    data = json.loads(json.dumps(progress_json(progress)))
    assert (data["state"], data["finished"]) == ("paused", False)
    assert progress_from_json(data | {"a later field": 1}) == progress
    assert isinstance(progress_from_json(data).state, SweepState)


def test_several_kinds_of_device_are_warned_of() -> None:
    runs = [replace(RUN, device=kind) for kind in ("A", "B", "B", None)]
    assert mixed_devices(runs) == ["runs were trained on several kinds of device: 2 on B and 1 on A"]
    assert mixed_devices(runs[1:]) == [] == mixed_devices([])

"""A scheduler whose one worker stacks: waiting runs enter when half of the stack is gone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestrator.attempts import Outcome, Tracking
from orchestrator.cluster.artifact_store import open_artifacts
from orchestrator.scheduling.scheduler import Scheduler
from orchestrator.states import Cause, RunState
from tests.unit.orchestrator.scheduling.hands import Hands
from tests.unit.orchestrator.store_fixtures import new_run, open_store, result, sweep_record

FIRST, SECOND, REST = ("run6", "run5", "run4", "run3"), ("run4", "run3", "run2", "run1"), ("run2", "run1", "run0")


@pytest.mark.parametrize(
    ("stacked", "later"),
    [
        (4, [("run2", True, SECOND), ("run1", True, SECOND), ("run0", True, REST)]),
        (0, [(run_id, False, REST) for run_id in REST]),  # the worker trains one after the other
    ],
)
def test_waiting_runs_enter_the_stack_of_a_busy_worker(
    tmp_path: Path, stacked: int, later: list[tuple[str, bool, tuple[str, ...]]]
) -> None:
    store = open_store(tmp_path)
    sweep = store.submit(sweep_record(), [new_run(i) for i in range(7)])
    computed = {"implementation": {"stacked": stacked}}
    hands = Hands(1, {f"run{i}": [Outcome(Cause.DONE, result() | computed)] for i in range(7)})
    scheduler = Scheduler(store, hands, open_artifacts(str(tmp_path)), Tracking("disabled", "", "p", "test"), stacked=4)
    scheduler.take_over()
    scheduler.follow(sweep.id)
    began = time.monotonic()
    scheduler.run(lambda _live: None)
    wall = time.monotonic() - began
    assert store.state_counts(sweep.id) == {RunState.DONE: 7}
    handed = [(given.run_id, given.enters, given.stack) for given in hands.assigned]
    assert handed == [*((run_id, False, FIRST) for run_id in FIRST), *later]
    seconds = [attempt.seconds or 0.0 for i in range(7) for attempt in store.attempts_of(f"run{i}")]
    assert len(seconds) == 7 and 0 < sum(seconds) <= wall, "each is charged its part"

"""Runs by state, and the age of the queue: of what waits and is not held."""

from __future__ import annotations

from pathlib import Path

from orchestrator.states import Hold, RunState
from orchestrator.store import Store
from orchestrator.store.gauges import gauges
from tests.unit.orchestrator.store_fixtures import claim, new_run, sweep_record


def test_runs_are_counted_and_the_queue_is_as_old_as_its_oldest_submission(tmp_path: Path) -> None:
    now = [100.0]
    store = Store(tmp_path / "test.db", clock=lambda: now[0])
    assert gauges(store).queue_seconds == 0.0
    assert gauges(store).runs == dict.fromkeys(RunState, 0)
    store.submit(sweep_record("old"), [new_run(0)])
    now[0] = 150.0
    store.submit(sweep_record("new"), [new_run(1), new_run(2)])
    now[0] = 160.0
    assert gauges(store).queue_seconds == 60.0
    driver = store.start_driver("boot", [], "")
    claim(store, "run0", 0, driver, "w")
    found = gauges(store)
    assert found.queue_seconds == 10.0
    assert (found.runs[RunState.QUEUED], found.runs[RunState.RUNNING], found.runs[RunState.DONE]) == (2, 1, 0)
    store.hold(store.sweep("new").id, Hold.PAUSED)
    assert gauges(store).queue_seconds == 0.0

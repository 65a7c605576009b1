"""The scheduler over a real store and an executor that obeys the test."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cluster import Report
from orchestrator.eventlog import EventLog, attempt_log
from orchestrator.scheduler import Scheduler, Waiting, decide
from orchestrator.states import Cause, RunState
from orchestrator.store import Outcome, Store
from orchestrator.tracking import Tracking
from orchestrator.worker import Assignment
from tests.unit.store_fixtures import new_run, open_store, result, sweep_record

OFF = Tracking("disabled", "", "p", "test")


class Hands:
    """An executor whose attempts end as the test says."""

    folder = ""

    def __init__(self, workers: int, outcomes: dict[str, list[Outcome]] | None = None) -> None:
        self.free = [f"w{i}" for i in range(workers)]
        self.assigned: list[Assignment] = []
        self.pending: list[tuple[str, Assignment]] = []
        self.outcomes = outcomes or {}

    def idle(self) -> list[str]:
        return list(self.free)

    def assign(self, worker: str, assignment: Assignment) -> None:
        self.free.remove(worker)
        self.assigned.append(assignment)
        self.pending.append((worker, assignment))

    def poll(self, timeout: float) -> list[Report]:
        worker, assignment = self.pending.pop(0)
        self.free.append(worker)
        scripted = self.outcomes.get(assignment.run_id, [])
        outcome = scripted.pop(0) if scripted else Outcome(Cause.DONE, result())
        return [Report(worker, assignment.run_id, assignment.fence, outcome)]

    def progress(self) -> dict[str, dict[str, Any]]:
        return {}

    def stop_all(self, grace: float) -> list[Report]:
        reports = [Report(w, a.run_id, a.fence, Outcome(Cause.PREEMPTED)) for w, a in self.pending]
        self.pending = []
        return reports

    def processes(self) -> list[list[Any]]:
        return []


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


def _scheduler(store: Store, hands: Hands, folder: Path) -> Scheduler:
    scheduler = Scheduler(store, hands, folder, OFF)
    scheduler.take_over()
    return scheduler


def _run_all(store: Store, hands: Hands, folder: Path, sweep_id: int) -> None:
    scheduler = _scheduler(store, hands, folder)
    scheduler.add(store.sweep_by_id(sweep_id), store.runs_of(sweep_id), folder)
    scheduler.run(lambda _live: None)
    scheduler.finish()


@given(st.lists(st.floats(0.1, 1e4), max_size=30), st.integers(0, 8))
def test_decide_gives_each_worker_one_run_and_the_longest_first(costs: list[float], workers: int) -> None:
    waiting = [Waiting(f"r{i}", cost) for i, cost in enumerate(costs)]
    claims = decide(waiting, [f"w{i}" for i in range(workers)])
    assert len(claims) == min(len(costs), workers)
    assert len({c.run_id for c in claims}) == len({c.worker for c in claims}) == len(claims)
    chosen = sorted((w.cost for w in waiting if w.run_id in {c.run_id for c in claims}), reverse=True)
    assert chosen == sorted(costs, reverse=True)[: len(claims)]


def test_all_runs_end_done(store: Store, tmp_path: Path) -> None:
    sweep = store.submit(sweep_record(), [new_run(i) for i in range(5)])
    hands = Hands(2)
    _run_all(store, hands, tmp_path, sweep.id)
    assert store.state_counts(sweep.id) == {RunState.DONE: 5}
    assert [a.run_id for a in hands.assigned] == ["run4", "run3", "run2", "run1", "run0"]
    assert store.unended_drivers() == []


def test_a_lost_attempt_is_repeated_and_a_poison_run_fails_while_the_sweep_goes_on(
    store: Store, tmp_path: Path
) -> None:
    sweep = store.submit(sweep_record(), [new_run(i) for i in range(3)])
    outcomes = {
        "run0": [Outcome(Cause.LOST), Outcome(Cause.PREEMPTED)],
        "run1": [Outcome(Cause.CODE, detail="boom")] * 9,
        "run2": [Outcome(Cause.DIVERGED, detail="loss is nan")],
    }
    _run_all(store, Hands(2, outcomes), tmp_path, sweep.id)
    states = {r.id: r.state for r in store.runs_of(sweep.id)}
    assert states == {"run0": RunState.DONE, "run1": RunState.FAILED, "run2": RunState.DIVERGED}
    assert [a["cause"] for a in store.attempts_of("run0")] == [Cause.LOST, Cause.PREEMPTED, Cause.DONE]


def test_a_successor_takes_the_result_from_the_log_and_repeats_only_what_was_lost(store: Store, tmp_path: Path) -> None:
    sweep = store.submit(sweep_record(), [new_run(0), new_run(1)])
    dead = Hands(2)
    scheduler = _scheduler(store, dead, tmp_path)
    scheduler.add(sweep, store.runs_of(sweep.id), tmp_path)
    dead.poll = lambda timeout: []  # type: ignore[method-assign]
    scheduler.step()
    assert store.state_counts(sweep.id) == {RunState.RUNNING: 2}
    finished = EventLog(attempt_log(tmp_path, "run0", 1))
    finished.append({"kind": "result", "result": result(2.5), "device": "cpu"})
    hands = Hands(1)
    _run_all(store, hands, tmp_path, sweep.id)
    assert [(a.run_id, a.fence) for a in hands.assigned] == [("run1", 2)]
    assert store.run("run0").loss == 2.5
    assert [a["cause"] for a in store.attempts_of("run1")] == [Cause.ORPHANED, Cause.DONE]


def test_draining_queues_running_work_again(store: Store, tmp_path: Path) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    hands = Hands(1)
    scheduler = _scheduler(store, hands, tmp_path)
    scheduler.add(sweep, store.runs_of(sweep.id), tmp_path)
    hands.poll = lambda timeout: []  # type: ignore[method-assign]
    scheduler.step()
    scheduler.drain(1.0)
    assert store.state_counts(sweep.id) == {RunState.QUEUED: 1}

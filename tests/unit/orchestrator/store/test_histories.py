"""Thousands of random histories of a sweep in the real store, against a model that knows the rules alone."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from orchestrator.attempts import Outcome
from orchestrator.settings import Ceilings
from orchestrator.states import MAX_CODE_FAILURES, MAX_LOST, Cause, Hold, RunState
from orchestrator.store import CeilingExceeded, LeaseLost, StaleAttempt, Store
from orchestrator.store import tables as t
from tests.unit.orchestrator.store_fixtures import (
    claim,
    empty,
    end_attempt,
    new_run,
    open_store,
    result,
    sweep_record,
    usage_of_user,
)

RUNS, BATCH = 3, 4
SWEEPS = {0: (0, 1), 1: (1, 2)}
"""Runs of each sweep; run1 is shared."""
runs, sweeps = st.integers(0, RUNS - 1), st.sampled_from(sorted(SWEEPS))
_folder = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
_store: Store | None = None


def _clean_store() -> Store:
    """One database for all histories, emptied: migrating a new one each time would be all the work there is."""
    global _store
    if _store is None:
        _store = open_store(Path(_folder.name))
    return empty(_store)


class Expected:
    """What the rules alone say of a run."""

    def __init__(self) -> None:
        self.state = RunState.QUEUED
        self.fence = 0
        self.causes: list[Cause] = []
        """Of the attempts that count."""
        self.micro_batch = BATCH
        self.reached = 0.0
        """FLOPs that its attempts have come to since the latest rerun."""
        self.result: float | None = None
        """The loss that it has, which a rerun replaces only when it ends with another."""
        self.whole = False
        """Whether its latest attempts came to that result, instead of leaving an earlier one."""


class Histories(RuleBasedStateMachine):
    """Claims, reports of every cause, late reports, holds, retries, reruns and takeovers in any order."""

    @initialize()
    def begin(self) -> None:
        self.store = _clean_store()
        self.ids = {
            number: self.store.submit(sweep_record(f"s{number}", user="ann"), [new_run(i, 1.0, BATCH) for i in own]).id
            for number, own in SWEEPS.items()
        }
        self.runs = [Expected() for _ in range(RUNS)]
        self.held: dict[int, Hold | None] = dict.fromkeys(SWEEPS)
        self.driver = self.store.start_driver("boot", [], "")
        self.fenced: list[int] = []

    def wanted(self, run: int) -> bool:
        return any(self.held[n] is not Hold.CANCELLED for n, own in SWEEPS.items() if run in own)

    @rule(run=runs, old=st.booleans())
    def claim(self, run: int, old: bool) -> None:
        expected = self.runs[run]
        driver = self.fenced[-1] if old and self.fenced else self.driver
        try:
            fence = claim(self.store, f"run{run}", expected.fence, driver, "w")
        except LeaseLost:
            assert driver != self.driver
        except StaleAttempt:
            assert expected.state is not RunState.QUEUED
        else:
            assert driver == self.driver and expected.state is RunState.QUEUED
            assert fence == expected.fence + 1
            expected.state, expected.fence = RunState.RUNNING, fence

    @rule(run=runs, cause=st.sampled_from(Cause), late=st.integers(0, 2))
    def report(self, run: int, cause: Cause, late: int) -> None:
        expected = self.runs[run]
        fence = expected.fence - late
        outcome = Outcome(cause, result(float(fence)) if cause is Cause.DONE else None, seconds=0.5, flops=1e8)
        try:
            state = end_attempt(self.store, f"run{run}", fence, outcome)
        except StaleAttempt:
            assert late or expected.state is not RunState.RUNNING
            return
        assert not late and expected.state is RunState.RUNNING
        expected.reached = 1e8
        self.move(expected, self.ruling(expected, cause, self.wanted(run)), fence)
        assert state is expected.state

    @staticmethod
    def move(expected: Expected, state: RunState, fence: int | None = None) -> None:
        """What becomes of a run and its result: a rerun that is cancelled or fails leaves the earlier one."""
        expected.whole = state is RunState.DONE
        if state is RunState.DONE and fence is not None:
            expected.result = float(fence)
        if state is RunState.DIVERGED:
            expected.result = None
        kept = state in (RunState.FAILED, RunState.CANCELLED) and expected.result is not None
        expected.state = RunState.DONE if kept else state

    def ruling(self, expected: Expected, cause: Cause, wanted: bool) -> RunState:
        """The rules once more, written down differently."""
        again = RunState.QUEUED if wanted else RunState.CANCELLED
        expected.causes.append(cause)
        if cause is Cause.OUT_OF_MEMORY and expected.micro_batch > 1:
            expected.micro_batch = (expected.micro_batch + 1) // 2
            return again
        final = {
            Cause.DONE: RunState.DONE,
            Cause.DIVERGED: RunState.DIVERGED,
            Cause.CONFIGURATION: RunState.FAILED,
            Cause.OUT_OF_MEMORY: RunState.FAILED,
        }
        if cause in final:
            return final[cause]
        limits = {Cause.LOST: MAX_LOST, Cause.CODE: MAX_CODE_FAILURES}
        return RunState.FAILED if expected.causes.count(cause) >= limits.get(cause, 10**9) else again

    @rule(sweep=sweeps, why=st.sampled_from([*Hold, None]))
    def hold(self, sweep: int, why: Hold | None) -> None:
        self.held[sweep] = why
        if why is None:
            self.store.release(self.ids[sweep])
            return
        self.store.hold(self.ids[sweep], why)
        if why is Hold.CANCELLED:
            for run in SWEEPS[sweep]:
                if self.runs[run].state is RunState.QUEUED and not self.wanted(run):
                    self.move(self.runs[run], RunState.CANCELLED)

    @rule(sweep=sweeps)
    def retry(self, sweep: int) -> None:
        self.store.retry([self.ids[sweep]])
        self.held[sweep] = None
        for run in SWEEPS[sweep]:
            if self.runs[run].state in (RunState.FAILED, RunState.CANCELLED):
                self.runs[run].state, self.runs[run].causes = RunState.QUEUED, []

    @rule(sweep=sweeps)
    def rerun(self, sweep: int) -> None:
        self.store.rerun(self.ids[sweep])
        for run in SWEEPS[sweep]:
            if self.runs[run].state.terminal:
                expected = self.runs[run]
                expected.state, expected.causes, expected.micro_batch = RunState.QUEUED, [], BATCH
                expected.reached = 0.0

    @rule(sweep=sweeps)
    def submit_again(self, sweep: int) -> None:
        again = self.store.submit(sweep_record(f"s{sweep}"), [new_run(i, 1.0, BATCH) for i in SWEEPS[sweep]])
        assert again.id == self.ids[sweep]

    @rule(sweep=sweeps)
    def retry_beyond_the_ceiling(self, sweep: int) -> None:
        """Refused, it changes nothing: the invariants still hold against the unchanged model."""
        spent = usage_of_user(self.store, "ann")
        failed = [r for r in SWEEPS[sweep] if self.runs[r].state in (RunState.FAILED, RunState.CANCELLED)]
        if failed:
            with pytest.raises(CeilingExceeded):
                self.store.retry([self.ids[sweep]], Ceilings(flops=spent.flops + 1e8))

    @rule()
    def take_over(self) -> None:
        """The driver was killed: the next one settles what it left."""
        self.fenced.append(self.driver)
        self.driver = self.store.start_driver("boot", [], "")
        for run, expected in enumerate(self.runs):
            if expected.state is RunState.RUNNING:
                self.report(run, Cause.ORPHANED, 0)

    @invariant()
    def the_store_agrees(self) -> None:
        if not hasattr(self, "runs"):
            return
        for run, expected in enumerate(self.runs):
            stored = self.store.run(f"run{run}")
            assert (stored.state, stored.fence) == (expected.state, expected.fence)
            assert stored.loss == expected.result, "the result of a fenced attempt"
            assert (stored.micro_batch or BATCH) == expected.micro_batch

    @invariant()
    def attempts_are_whole(self) -> None:
        """One attempt a number, all ended but that of a running run: nothing lost, nothing doubled."""
        if not hasattr(self, "runs"):
            return
        for run, expected in enumerate(self.runs):
            attempts = self.store.attempts_of(f"run{run}")
            assert [a.number for a in attempts] == list(range(1, expected.fence + 1))
            open_ones = [a.number for a in attempts if a.cause is None]
            assert open_ones == ([expected.fence] if expected.state is RunState.RUNNING else [])

    @invariant()
    def what_is_pending_is_reserved(self) -> None:
        """Each queued or running run has exactly one open charge, no other has one."""
        if not hasattr(self, "runs"):
            return
        with self.store.reading() as db:
            rows = db.execute(sa.select(t.charges).where(t.charges.c.settled_at.is_(None))).all()
        pending = {f"run{i}" for i, e in enumerate(self.runs) if not e.state.terminal}
        assert sorted(r.run_id for r in rows) == sorted(pending)

    @invariant()
    def flops_are_charged_once(self) -> None:
        """The charges since a run's rerun come to its FLOPs, or to what it reached if it has no result."""
        if not hasattr(self, "runs"):
            return
        for run, expected in enumerate(self.runs):
            mine = (t.charges.c.run_id == f"run{run}") & (
                t.charges.c.after_attempt >= self.store.run(f"run{run}").restarted
            )
            with self.store.reading() as db:
                charged = db.execute(sa.select(sa.func.sum(t.charges.c.flops)).where(mine)).scalar() or 0.0
            whole = not expected.state.terminal or expected.whole
            assert charged == (1e9 * (run + 1) if whole else expected.reached)

    @invariant()
    def seconds_are_charged_once(self) -> None:
        """Settled charges come to the seconds of all attempts but those that open charges will pay for."""
        if not hasattr(self, "runs"):
            return
        with self.store.reading() as db:
            rows = db.execute(sa.select(t.charges)).all()
        settled = sum(r.seconds for r in rows if r.settled_at is not None)
        later = {r.run_id: r.after_attempt for r in rows if r.settled_at is None}
        ended = [a for i in range(RUNS) for a in self.store.attempts_of(f"run{i}") if a.cause]
        assert settled == 0.5 * sum(a.number <= later.get(a.run_id, a.number) for a in ended)

    @invariant()
    def held_runs_are_those_that_no_sweep_may_train(self) -> None:
        if not hasattr(self, "runs"):
            return
        free = {r for n, own in SWEEPS.items() if self.held[n] is None for r in own}
        held = {f"run{i}" for i, e in enumerate(self.runs) if not e.state.terminal and i not in free}
        assert self.store.held_runs() == held


def _check(histories: int, steps: int) -> None:
    profile: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=histories, stateful_step_count=steps, **profile)
    )


def test_random_histories_hold_no_illegal_state() -> None:
    _check(histories=25, steps=30)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_thousands_of_random_histories_hold_no_illegal_state() -> None:
    _check(histories=2500, steps=40)

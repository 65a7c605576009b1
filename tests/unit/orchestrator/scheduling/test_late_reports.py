"""The scheduler with a clock of its own, and an executor that reports late, twice, and for attempts of the past."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator.attempts import LEASE_SECONDS, Outcome, Report
from orchestrator.cluster.artifact_store import open_artifacts
from orchestrator.cluster.attempt_log import EventLog, attempt_log
from orchestrator.errors import ArtifactsAway
from orchestrator.scheduling import scheduler as module
from orchestrator.scheduling.scheduler import Scheduler
from orchestrator.settings import Ceilings
from orchestrator.states import Cause, Hold, RunState
from orchestrator.store import Store, Usage
from orchestrator.store import tables as t
from tests.unit.orchestrator.scheduling.hands import Hands
from tests.unit.orchestrator.scheduling.test_scheduler import OFF
from tests.unit.orchestrator.store_fixtures import claim, new_run, result, sweep_record, usage_of_sweep


class Clock:
    """Both clocks: the database's, and the monotonic one of the scheduler and its runs."""

    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "monotonic", made)
    monkeypatch.setattr(time, "sleep", lambda seconds: setattr(made, "now", made.now + seconds))
    return made


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    opened = Store(tmp_path / "test.db", clock=clock)
    yield opened
    opened.close()


class Reporter(Hands):
    """An executor that reports what a test hands it, and nothing else."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.reports: list[Report] = []

    def poll(self, timeout: float) -> list[Report]:
        reports, self.reports = self.reports, []
        return reports

    def report(self, run_id: str, fence: int, outcome: Outcome) -> None:
        self.reports.append(Report("w0", run_id, fence, outcome))
        self.free = ["w0"]


def started(store: Store, hands: Hands, folder: Path, **more: Any) -> Scheduler:
    scheduler = Scheduler(store, hands, open_artifacts(str(folder)), OFF, **more)
    scheduler.take_over()
    scheduler.follow()
    scheduler.step()
    return scheduler


def expires(store: Store) -> float:
    with store.reading() as db:
        return float(db.execute(sa.select(t.scheduler.c.expires_at)).scalar_one())


def log(folder: Path, run_id: str, number: int, *events: dict[str, Any]) -> None:
    written = EventLog(attempt_log(folder / "runs", run_id, number))
    for event in events:
        written.append(event)
    written.close()


def test_the_lease_is_renewed_after_a_quarter_of_it_and_no_sooner(store: Store, tmp_path: Path, clock: Clock) -> None:
    scheduler = started(store, Reporter(1), tmp_path)
    began = clock.now
    assert expires(store) == began + LEASE_SECONDS
    clock.now = began + LEASE_SECONDS / 4
    scheduler.step()
    assert expires(store) == began + LEASE_SECONDS
    clock.now += 0.5
    scheduler.step()
    assert expires(store) == clock.now + LEASE_SECONDS
    renewed = clock.now
    clock.now += LEASE_SECONDS / 4 + 0.5
    scheduler.step()
    assert expires(store) == clock.now + LEASE_SECONDS > renewed + LEASE_SECONDS


def test_seconds_are_the_workers_or_else_those_since_the_assignment(store: Store, tmp_path: Path, clock: Clock) -> None:
    sweep = store.submit(sweep_record(), [new_run(0), new_run(1)])
    hands = Reporter(1)
    scheduler = started(store, hands, tmp_path)
    clock.now += 40.0
    hands.report("run1", 1, Outcome(Cause.LOST, flops=3e8))
    scheduler.step()
    clock.now += 7.0
    scheduler.step()
    hands.report("run1", 2, Outcome(Cause.DONE, result(), seconds=6.5))
    scheduler.step()
    assert [(a.seconds, a.flops) for a in store.attempts_of("run1")] == [(40.0, 3e8), (6.5, 0.0)]
    assert usage_of_sweep(store, sweep.id) == Usage(2e9 + 1e9, 40.0 + 6.5 + 60.0)


def test_a_run_that_could_not_be_claimed_is_looked_up_again(
    store: Store, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.submit(sweep_record(), [new_run(0)])
    real, refused = store.claim_all, list[Any]()

    def later(claims: Any, *more: Any) -> list[int | None]:
        if refused:
            return real(claims, *more)
        refused.extend(claims)
        return [None for _ in claims]

    monkeypatch.setattr(store, "claim_all", later)
    hands = Reporter(1)
    scheduler = started(store, hands, tmp_path)
    assert refused == [("run0", 0, "w0")] and hands.assigned == []
    scheduler.step()
    assert [assignment.run_id for assignment in hands.assigned] == ["run0"]


def test_a_lost_attempt_that_logged_its_result_is_done_in_the_seconds_that_it_held_its_device(
    store: Store, tmp_path: Path, clock: Clock
) -> None:
    """Its log knows the seconds of training alone."""
    sweep = store.submit(sweep_record(), [new_run(0)])
    hands = Reporter(1)
    scheduler = started(store, hands, tmp_path)
    log(
        tmp_path,
        "run0",
        1,
        {"kind": "train", "elapsed": 20.0},
        {"kind": "result", "result": result(2.5), "device": "x"},
    )
    clock.now += 33.0
    hands.report("run0", 1, Outcome(Cause.LOST))
    scheduler.step()
    run = store.run("run0")
    assert (run.state, run.loss, run.device, store.attempts_of("run0")[0].seconds) == (RunState.DONE, 2.5, "x", 33.0)
    assert usage_of_sweep(store, sweep.id) == Usage(1e9, 33.0)


def test_a_lost_attempt_is_charged_what_it_logged_even_if_its_report_knows_less(
    store: Store, tmp_path: Path, clock: Clock
) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    hands = Reporter(1)
    scheduler = started(store, hands, tmp_path)
    log(tmp_path, "run0", 1, {"kind": "train", "flops": 7e8})
    clock.now += 2.0
    hands.report("run0", 1, Outcome(Cause.LOST, flops=4e8))
    scheduler.step()
    store.hold(sweep.id, Hold.CANCELLED)
    assert store.attempts_of("run0")[0].flops == 7e8
    assert usage_of_sweep(store, sweep.id) == Usage(7e8, 2.0)


def test_a_report_that_comes_twice_counts_once(store: Store, tmp_path: Path, clock: Clock) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    hands = Reporter(1)
    scheduler = started(store, hands, tmp_path)
    for loss in (2.0, 9.0):
        hands.report("run0", 1, Outcome(Cause.DONE, result(loss), seconds=5.0))
    scheduler.step()
    hands.report("run0", 1, Outcome(Cause.DONE, result(8.0), seconds=50.0))
    scheduler.step()
    assert store.run("run0").loss == 2.0
    assert usage_of_sweep(store, sweep.id) == Usage(1e9, 5.0)


def test_a_report_of_an_earlier_attempt_does_not_end_the_present_one(
    store: Store, tmp_path: Path, clock: Clock
) -> None:
    store.submit(sweep_record(), [new_run(0)])
    hands = Reporter(1)
    scheduler = started(store, hands, tmp_path)
    hands.report("run0", 1, Outcome(Cause.LOST, seconds=1.0))
    scheduler.step()
    scheduler.step()
    assert [a.fence for a in hands.assigned] == [1, 2]
    hands.reports.append(Report("w0", "run0", 1, Outcome(Cause.DONE, result(9.0))))
    scheduler.step()
    assert store.run("run0").state is RunState.RUNNING
    hands.report("run0", 2, Outcome(Cause.DONE, result(2.0), seconds=3.0))
    scheduler.step()
    assert (store.run("run0").state, store.run("run0").loss) == (RunState.DONE, 2.0)


def test_a_report_that_the_next_scheduler_has_settled_is_refused(store: Store, tmp_path: Path, clock: Clock) -> None:
    """The first one was taken for dead: its late report changes nothing, whatever it says."""
    store.submit(sweep_record(), [new_run(0)])
    first = Reporter(1)
    old = started(store, first, tmp_path)
    clock.now += 3 * LEASE_SECONDS
    driver = store.start_driver("another machine", [], "")
    store.end_all([("run0", 1, Outcome(Cause.ORPHANED, seconds=1.0))])
    claim(store, "run0", 1, driver, "w9")
    first.report("run0", 1, Outcome(Cause.DONE, result(9.0)))
    old._reports += first.poll(0.0)
    old._fold_reports()
    assert (store.run("run0").state, store.run("run0").fence, store.run("run0").loss) == (RunState.RUNNING, 2, None)


def test_what_diverges_while_it_is_cancelled_has_diverged(store: Store, tmp_path: Path, clock: Clock) -> None:
    sweep = store.submit(sweep_record(), [new_run(i) for i in range(3)])
    hands = Reporter(3)
    scheduler = started(store, hands, tmp_path)
    store.hold(sweep.id, Hold.CANCELLED)
    hands.report("run0", 1, Outcome(Cause.DIVERGED, detail="loss is nan", flops=1e8))
    hands.report("run1", 1, Outcome(Cause.DONE, result()))
    hands.report("run2", 1, Outcome(Cause.PREEMPTED, flops=2e8))
    scheduler.step()
    states = {run.id: run.state for run in store.runs_of(sweep.id)}
    assert states == {"run0": RunState.DIVERGED, "run1": RunState.DONE, "run2": RunState.CANCELLED}
    assert usage_of_sweep(store, sweep.id).flops == 1e8 + 2e9 + 2e8


def test_a_run_that_needs_a_device_alone_keeps_it_whatever_is_submitted_and_whoever_schedules(
    store: Store, tmp_path: Path, clock: Clock
) -> None:
    """A run of batch 1: no smaller micro-batch is left to try, but a whole device is."""
    store.submit(sweep_record(), [new_run(0, batch=1)])
    hands = Reporter(4)
    hands.shares = 4
    scheduler = started(store, hands, tmp_path, by_memory=True)
    assert [a.share for a in hands.assigned] == [0.25]
    hands.free = []
    hands.reports.append(Report("w0", "run0", 1, Outcome(Cause.OUT_OF_MEMORY, detail="no memory")))
    scheduler.step()
    assert (store.run("run0").state, store.run("run0").alone) == (RunState.QUEUED, True)
    store.submit(sweep_record("other"), [])
    hands.free = [f"w{i}" for i in range(4)]
    scheduler.step()
    assert [a.share for a in hands.assigned] == [0.25, 1.0]
    again = Reporter(4)
    again.shares = 4
    started(store, again, tmp_path, by_memory=True)
    assert [a.share for a in again.assigned] == [1.0]


def test_out_of_memory_alone_on_a_device_is_final_for_one_sequence(store: Store, tmp_path: Path, clock: Clock) -> None:
    store.submit(sweep_record(), [new_run(0, batch=1)])
    hands = Reporter(1)
    scheduler = started(store, hands, tmp_path)
    hands.report("run0", 1, Outcome(Cause.OUT_OF_MEMORY, detail="no memory"))
    scheduler.step()
    assert store.run("run0").state is RunState.FAILED
    assert "needs a larger device" in (store.run("run0").error or "")


# one run's error is its own


@pytest.mark.parametrize(
    ("outcome", "state", "words"),
    [
        (Outcome(Cause.DONE, result(float("nan"))), RunState.DIVERGED, "loss of nan"),
        (Outcome(Cause.DONE, {"loss": 3.0}), RunState.FAILED, "no number as bits_per_byte, train_seconds"),
        (Outcome(Cause.DONE, None), RunState.FAILED, "no number as loss"),
        (Outcome(Cause.CONFIGURATION, detail="File '\0\udcff'"), RunState.FAILED, "File '\ufffd\ufffd'"),
        (Outcome(Cause.DONE, result() | {"evaluation_seconds": float("inf"), "tokens": 2**80}), RunState.DONE, ""),
        (Outcome(Cause.DONE, result() | {"train_seconds": -1.0}), RunState.DONE, ""),
    ],
)
def test_a_report_that_makes_no_sense_ends_its_run_and_no_other(
    store: Store, tmp_path: Path, clock: Clock, outcome: Outcome, state: RunState, words: str
) -> None:
    sweep = store.submit(sweep_record(), [new_run(i, 1.0) for i in range(3)])
    hands = Hands(1, {"run1": [outcome]})
    scheduler = started(store, hands, tmp_path)
    scheduler.run(lambda _live: None)
    assert {r.id: r.state for r in store.runs_of(sweep.id)} == {
        "run0": RunState.DONE, "run1": state, "run2": RunState.DONE,
    }  # fmt: skip
    assert words in (store.run("run1").error or "")


def test_a_run_that_cannot_be_handed_out_fails_and_the_others_train(store: Store, tmp_path: Path, clock: Clock) -> None:
    sweep = store.submit(sweep_record(), [new_run(i) for i in range(3)])
    with store.writing() as db:
        db.execute(sa.text("UPDATE sweep_runs SET cell = 'null' WHERE run_id = 'run1'"))
        db.execute(sa.text("UPDATE runs SET config = '{\"model\": 1}' WHERE id = 'run1'"))
    hands = Hands(1)
    scheduler = started(store, hands, tmp_path)
    scheduler.run(lambda _live: None)
    assert store.state_counts(sweep.id) == {RunState.DONE: 2, RunState.FAILED: 1}
    assert "cannot be handed out" in (store.run("run1").error or "")
    assert {a.run_id for a in hands.assigned} == {"run0", "run2"}


def test_a_log_that_cannot_be_read_costs_its_attempt_alone(
    store: Store, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    sweep = store.submit(sweep_record(), [new_run(0), new_run(1)])
    hands = Reporter(2)
    started(store, hands, tmp_path)
    log(tmp_path, "run0", 1, {"kind": "result", "result": result(2.5), "device": "x"})
    attempt_log(tmp_path / "runs", "run1", 1).parent.mkdir(parents=True)
    attempt_log(tmp_path / "runs", "run1", 1).mkdir()
    successor = Hands(1)
    scheduler = started(store, successor, tmp_path)
    assert store.run("run0").state is RunState.DONE
    assert store.attempts_of("run1")[0].cause is Cause.ORPHANED
    assert any("run1, attempt 1, cannot be read" in message for message in caplog.messages)
    scheduler.run(lambda _live: None)
    assert store.state_counts(sweep.id) == {RunState.DONE: 2}


# an artifact store that does not answer


def test_a_lost_attempt_is_recorded_once_its_log_can_be_read(
    store: Store, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that five attempts cannot be lost to one silence of the store, and a logged result is found."""
    store.submit(sweep_record(), [new_run(0)])
    hands = Reporter(1)
    scheduler = started(store, hands, tmp_path)
    log(tmp_path, "run0", 1, {"kind": "result", "result": result(2.5), "device": "x"})
    artifacts, silent = scheduler._artifacts, [True]
    events = artifacts.events

    def asked(run_id: str, number: int) -> Any:
        if silent[0]:
            raise ArtifactsAway("the artifact store does not answer")
        return events(run_id, number)

    monkeypatch.setattr(artifacts, "events", asked)
    hands.report("run0", 1, Outcome(Cause.LOST, detail="the artifact store does not answer"))
    for _ in range(5):
        scheduler.step()
    assert store.run("run0").state is RunState.RUNNING and len(hands.assigned) == 1
    silent[0] = False
    scheduler.step()
    assert (store.run("run0").state, store.run("run0").loss) == (RunState.DONE, 2.5)


def test_patience_with_the_artifact_store_ends(
    store: Store, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.submit(sweep_record(), [new_run(0)])
    hands = Reporter(1)
    scheduler = started(store, hands, tmp_path)

    def away(_run: str, _number: int) -> Any:
        raise ArtifactsAway("gone for good")

    monkeypatch.setattr(scheduler._artifacts, "events", away)
    hands.report("run0", 1, Outcome(Cause.LOST))
    scheduler.step()
    clock.now += module.PATIENCE_SECONDS
    with pytest.raises(ArtifactsAway, match="gone for good"):
        scheduler.step()


# a run of two sweeps, and ceilings


def test_a_run_of_a_paused_sweep_goes_on_for_another_that_wants_it(store: Store, tmp_path: Path, clock: Clock) -> None:
    """Sweep one may take 24 device-seconds, sweep two more: the run stops once, and is finished for sweep two."""
    one = store.submit(sweep_record("one", ceiling_seconds=24.0), [new_run(0, 10.0)])
    two = store.submit(sweep_record("two"), [new_run(0, 10.0)])
    hands = Hands(1)
    scheduler = Scheduler(store, hands, open_artifacts(str(tmp_path)), OFF, ceilings=Ceilings())
    scheduler.take_over()
    scheduler.follow()
    hands.silent = True
    scheduler.step()
    clock.now += 20.0
    scheduler.step()
    assert (store.sweep("one").held, store.sweep("two").held) == (Hold.PAUSED, None)
    hands.silent = False
    scheduler.step()
    clock.now += 1.0
    scheduler.run(lambda _live: None)
    assert [a.cause for a in store.attempts_of("run0")] == [Cause.PREEMPTED, Cause.DONE]
    assert usage_of_sweep(store, one.id).seconds == 20.0
    assert usage_of_sweep(store, two.id).flops == 1e9
    assert store.state_counts(two.id) == {RunState.DONE: 1}


def test_a_followed_sweep_that_is_paused_rests_although_another_wants_its_run(
    store: Store, tmp_path: Path, clock: Clock
) -> None:
    store.submit(sweep_record("other"), [new_run(0)])
    followed = store.submit(sweep_record("followed"), [new_run(0)])
    hands = Reporter(1)
    scheduler = Scheduler(store, hands, open_artifacts(str(tmp_path)), OFF)
    scheduler.take_over()
    scheduler.follow(followed.id)
    scheduler.step()
    store.hold(followed.id, Hold.PAUSED, "lunch")
    scheduler.step()
    assert scheduler._running["run0"].stopping
    hands.report("run0", 1, Outcome(Cause.PREEMPTED))
    scheduler.step()
    scheduler.step()
    assert not scheduler.busy and len(hands.assigned) == 1

"""Device-seconds of a run in training stay within what is reserved for it, and the sweep that pays is the one paused."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.attempts import Outcome
from orchestrator.people import ITSELF, Quota, Role
from orchestrator.scheduling.job import Job
from orchestrator.scheduling.reservations import GROWTH_SECONDS, STOP_SECONDS, Reservations
from orchestrator.settings import Ceilings
from orchestrator.states import Cause, Hold
from orchestrator.store import Store, SweepRecord, Usage
from tests.unit.orchestrator.store_fixtures import (
    claim,
    end_attempt,
    new_run,
    open_store,
    sweep_record,
    usage_of_sweep,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, which goes as a test says."""
    now = [1000.0]
    monkeypatch.setattr("orchestrator.scheduling.reservations.time.monotonic", lambda: now[0])
    return now


def job_of(store: Store, seconds: float, ceiling: float | None) -> Job:
    sweep = store.submit(sweep_record(ceiling_seconds=ceiling), [new_run(0, seconds)])
    return Job(store.run("run0"), sweep)


def reserved(store: Store) -> float:
    return store.open_charges(["run0"])["run0"].reserved


def opened(reservations: Reservations, job: Job) -> bool:
    return reservations.opened([job]) == [job]


def test_without_a_ceiling_a_run_takes_what_it_takes(store: Store, clock: list[float]) -> None:
    job, reservations = job_of(store, 1.0, None), Reservations(store, Ceilings(flops=1.0))
    assert opened(reservations, job)
    clock[0] += 1e6
    assert reservations.grow(job)
    assert job.reserved == float("inf") and reserved(store) == 1.0


def test_a_users_quota_of_seconds_ends_a_run_like_a_ceiling(
    store: Store, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    sweep = store.submit(sweep_record(user="ann"), [new_run(0, 1.0)])
    store.add_account("ann", Role.SUBMITTER, "", ITSELF)
    store.change_account("ann", ITSELF, None, None, Quota(seconds=30.0))
    job, reservations = Job(store.run("run0"), sweep), Reservations(store, Ceilings())
    assert opened(reservations, job) and job.reserved < 30.0
    clock[0] += 11.0
    assert reservations.grow(job) and job.reserved == 11.0 + STOP_SECONDS + GROWTH_SECONDS
    clock[0] += 11.0
    assert not reservations.grow(job)
    assert store.sweep("demo").on_hold == "paused: a quota of its owner is reached", "numbers are for the log"
    assert "user ann would come to 37 device-seconds, above the quota of 30" in caplog.text


def test_nothing_is_looked_up_where_nothing_starts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "open_charges", None)
    assert Reservations(store, Ceilings()).opened([]) == []


def test_a_reservation_grows_ahead_of_what_is_taken(store: Store, clock: list[float]) -> None:
    job, reservations = job_of(store, 20.0, 100.0), Reservations(store, Ceilings())
    assert opened(reservations, job)
    assert (job.reserved, job.earlier, job.payer, job.payer_name) == (20.0, 0.0, job.sweep.id, "demo")
    clock[0] += 20.0 - STOP_SECONDS
    assert reservations.grow(job) and reserved(store) == 20.0, "it will still stop in time"
    clock[0] += 0.5
    assert reservations.grow(job)
    assert reserved(store) == job.reserved == 20.5 + GROWTH_SECONDS


def test_earlier_attempts_count_unless_they_were_settled(store: Store, clock: list[float]) -> None:
    job_of(store, 20.0, 100.0)
    driver, fence = store.start_driver("boot", [], ""), 0
    for seconds in (7.0, 4.0):
        fence = claim(store, "run0", fence, driver, "w")
        end_attempt(store, "run0", fence, Outcome(Cause.PREEMPTED, seconds=seconds))
    job, reservations = Job(store.run("run0"), store.sweep("demo")), Reservations(store, Ceilings())
    assert opened(reservations, job) and job.earlier == 11.0
    clock[0] += 20.0 - 11.0 - STOP_SECONDS
    assert reservations.grow(job) and reserved(store) == 20.0
    clock[0] += 0.25
    assert reservations.grow(job) and reserved(store) == 20.25 + GROWTH_SECONDS
    fence = claim(store, "run0", fence, driver, "w")
    end_attempt(store, "run0", fence, Outcome(Cause.CONFIGURATION, seconds=1.0))
    store.retry([job.sweep.id])
    job = Job(store.run("run0"), store.sweep("demo"))
    assert opened(reservations, job) and job.earlier == 0.0
    assert usage_of_sweep(store, job.sweep.id).seconds == 12.0 + 20.0


def test_earlier_attempts_alone_may_exceed_a_ceiling(store: Store, clock: list[float]) -> None:
    job_of(store, 10.0, 24.0)
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "run0", claim(store, "run0", 0, driver, "w"), Outcome(Cause.LOST, seconds=9.5))
    job = Job(store.run("run0"), store.sweep("demo"))
    assert not opened(Reservations(store, Ceilings()), job), "9.5 s and 15 s ahead are above 24 s"
    assert "24.5 device-seconds, above the ceiling of 24" in store.sweep("demo").on_hold
    assert opened(Reservations(store, Ceilings()), job_again(store, 25.0)), "25 s would do"


def job_again(store: Store, ceiling: float) -> Job:
    import sqlalchemy as sa

    from orchestrator.store import tables as t

    with store.writing() as db:
        db.execute(sa.update(t.sweeps).values(ceiling_seconds=ceiling, held=None))
    return Job(store.run("run0"), store.sweep("demo"))


@pytest.mark.parametrize("of_user", [False, True])
def test_a_ceiling_pauses_the_sweep_with_the_reason(store: Store, clock: list[float], of_user: bool) -> None:
    job = job_of(store, 10.0, None if of_user else 24.0)
    reservations = Reservations(store, Ceilings(seconds=24.0) if of_user else Ceilings())
    assert opened(reservations, job)
    clock[0] += 20.0
    assert not reservations.grow(job)
    held = store.sweep("demo")
    assert held.held is Hold.PAUSED
    reason = "a ceiling of its owner is reached" if of_user else "above the ceiling of 24"
    assert reason in (held.held_reason or "")
    assert reserved(store) == 10.0


def test_a_sweep_that_was_cancelled_meanwhile_stays_cancelled(store: Store, clock: list[float]) -> None:
    job, reservations = job_of(store, 10.0, 24.0), Reservations(store, Ceilings())
    assert opened(reservations, job)
    claim(store, "run0", 0, store.start_driver("boot", [], ""), "w")
    store.hold(job.sweep.id, Hold.CANCELLED, "enough")
    clock[0] += 20.0
    assert not reservations.grow(job)
    assert store.sweep("demo").on_hold == "cancelled: enough"


# a run of two sweeps


def shared(store: Store, first: float | None, second: float | None) -> tuple[SweepRecord, SweepRecord, Job]:
    """Two sweeps with ceilings of device-seconds that share run0, which goes by the second one."""
    one = store.submit(sweep_record("one", user="ann", ceiling_seconds=first), [new_run(0, 10.0)])
    two = store.submit(sweep_record("two", user="bob", ceiling_seconds=second), [new_run(0, 10.0)])
    return one, two, Job(store.run("run0"), two)


def test_the_ceiling_of_the_sweep_that_pays_holds_although_the_run_goes_by_another(
    store: Store, clock: list[float]
) -> None:
    one, _, job = shared(store, 24.0, None)
    reservations = Reservations(store, Ceilings())
    assert opened(reservations, job)
    clock[0] += 20.0
    assert not reservations.grow(job)
    assert (store.sweep("one").held, store.sweep("two").held) == (Hold.PAUSED, None)
    assert usage_of_sweep(store, one.id).seconds == 10.0


def test_the_ceiling_of_a_sweep_that_does_not_pay_pauses_nobody(store: Store, clock: list[float]) -> None:
    _, two, job = shared(store, None, 24.0)
    reservations = Reservations(store, Ceilings())
    assert opened(reservations, job)
    clock[0] += 500.0
    assert reservations.grow(job)
    assert (store.sweep("one").held, store.sweep("two").held) == (None, None)
    assert usage_of_sweep(store, two.id) == Usage(0.0, 0.0)


def test_a_run_whose_payer_is_held_goes_on_at_the_expense_of_the_other(store: Store, clock: list[float]) -> None:
    one, two, job = shared(store, 24.0, 40.0)
    driver = store.start_driver("boot", [], "")
    reservations = Reservations(store, Ceilings())
    fence = claim(store, "run0", 0, driver, "w")
    end_attempt(store, "run0", fence, Outcome(Cause.PREEMPTED, seconds=20.0, flops=4e8))
    store.hold(one.id, Hold.PAUSED, "its ceiling")
    job = Job(store.run("run0"), two)
    assert opened(reservations, job) and (job.payer, job.payer_name, job.earlier) == (two.id, "two", 0.0)
    assert usage_of_sweep(store, one.id) == Usage(4e8, 20.0)
    assert usage_of_sweep(store, two.id) == Usage(6e8, 10.0)
    clock[0] += 30.0
    assert not reservations.grow(job)
    assert "sweep two would come to 45 device-seconds" in (store.sweep("two").held_reason or "")
    assert store.sweep("one").held_reason == "its ceiling"


def test_a_sweep_that_may_not_take_a_run_over_is_paused_itself(store: Store, clock: list[float]) -> None:
    one, _, job = shared(store, None, 9.0)
    store.hold(one.id, Hold.CANCELLED)
    assert not opened(Reservations(store, Ceilings()), job)
    assert store.sweep("one").on_hold == "cancelled"
    assert "sweep two would come to 10 device-seconds, above the ceiling of 9" in store.sweep("two").on_hold
    assert store.open_charges(["run0"])["run0"].sweep_id == one.id


def test_a_user_is_charged_for_the_sweep_that_pays(store: Store, clock: list[float]) -> None:
    one, two, job = shared(store, None, None)
    reservations = Reservations(store, Ceilings(seconds=24.0))
    assert opened(reservations, job)
    clock[0] += 20.0
    assert not reservations.grow(job)
    assert store.sweep("one").on_hold == "paused: a ceiling of its owner is reached"
    assert opened(reservations, Job(store.run("run0"), store.sweep("two"))), "bob has spent nothing yet"
    assert usage_of_sweep(store, two.id) == Usage(1e9, 10.0)
    assert usage_of_sweep(store, one.id) == Usage(0.0, 0.0)

"""Device-seconds of a run in training stay within what is reserved for it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestrator.attempts import Outcome
from orchestrator.scheduling.job import Job
from orchestrator.scheduling.reservations import GROWTH_SECONDS, STOP_SECONDS, Reservations
from orchestrator.settings import Ceilings
from orchestrator.states import Cause, Hold
from orchestrator.store import Store
from tests.unit.orchestrator.store_fixtures import claim, end_attempt, new_run, open_store, sweep_record


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


def job_of(store: Store, seconds: float, ceiling: float | None) -> Job:
    sweep = store.submit(sweep_record(ceiling_seconds=ceiling), [new_run(0, seconds)])
    return Job(store.run("run0"), sweep)


def reserved(store: Store) -> float:
    return store.open_charges(["run0"])["run0"].reserved


def test_without_a_ceiling_nothing_is_looked_up(store: Store) -> None:
    job = job_of(store, 1.0, None)
    assert Reservations(store, Ceilings(flops=1.0)).opened([job])
    assert job.reserved == float("inf") and reserved(store) == 1.0


def test_a_reservation_grows_ahead_of_what_is_taken(store: Store) -> None:
    job, reservations = job_of(store, 20.0, 100.0), Reservations(store, Ceilings())
    assert reservations.opened([job])
    assert (job.reserved, job.earlier) == (20.0, 0.0)
    job.began = time.monotonic() - (20.0 - STOP_SECONDS - 1)
    assert reservations.grow(job) and reserved(store) == 20.0, "it will still stop in time"
    job.began = time.monotonic() - 20.0
    assert reservations.grow(job)
    assert reserved(store) == job.reserved == pytest.approx(20 + STOP_SECONDS + GROWTH_SECONDS, abs=1)


def test_earlier_attempts_count_unless_a_retry_forgave_them(store: Store) -> None:
    job_of(store, 20.0, 100.0)
    driver, fence = store.start_driver("boot", [], ""), 0
    for seconds in (7.0, 4.0):
        fence = claim(store, "run0", fence, driver, "w")
        end_attempt(store, "run0", fence, Outcome(Cause.PREEMPTED, seconds=seconds))
    job = Job(store.run("run0"), store.sweep("demo"))
    assert Reservations(store, Ceilings()).opened([job]) and job.earlier == 11.0
    fence = claim(store, "run0", fence, driver, "w")
    end_attempt(store, "run0", fence, Outcome(Cause.CONFIGURATION, seconds=1.0))
    store.retry_failed(job.sweep.id)
    job = Job(store.run("run0"), store.sweep("demo"))
    assert Reservations(store, Ceilings()).opened([job]) and job.earlier == 0.0


@pytest.mark.parametrize("of_user", [False, True])
def test_a_ceiling_pauses_the_sweep_with_the_reason(store: Store, of_user: bool) -> None:
    job = job_of(store, 10.0, None if of_user else 24.0)
    reservations = Reservations(store, Ceilings(seconds=24.0) if of_user else Ceilings())
    assert reservations.opened([job])
    job.began = time.monotonic() - 20.0
    assert not reservations.grow(job)
    held = store.sweep("demo")
    assert held.held is Hold.PAUSED and "above the ceiling of 24" in (held.held_reason or "")
    assert reserved(store) == 10.0

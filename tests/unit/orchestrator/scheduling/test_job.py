"""A queued run as dispatch sees it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from orchestrator.scheduling import job as module
from orchestrator.scheduling.job import WHOLE, Job, leave_stack
from orchestrator.scheduling.waiting import Waiting
from orchestrator.states import RunState
from orchestrator.store import RunRecord
from sweeps.plan.rounds import Round
from tests.unit.orchestrator.store_fixtures import made_cell, sweep_record

RUN = RunRecord("r", {}, 8.0, None, RunState.QUEUED, 0, None, None, None, None, None, None)


CONFIG = {"model": {"d_model": 8}, "train": {"batch": 4, "numerics": "fp32", "optimizer": "adamw"}}


def job_of(kind: str, memory: int = 7, alone: bool = False) -> Job:
    return Job(replace(RUN, cell=made_cell(kind=kind, memory_bytes=memory), alone=alone), sweep_record())


@pytest.mark.parametrize(("kind", "asked"), [("auto", ""), ("cpu", "cpu"), ("h100", "h100")])
def test_it_asks_for_the_device_of_its_sweep(kind: str, asked: str) -> None:
    assert job_of(kind).kind == asked
    assert job_of(kind).waiting(3.0) == Waiting("r", 3.0, 7, asked, beside=1)


def test_a_run_of_a_round_that_is_not_decided_goes_later() -> None:
    rounds = (Round(("a",), 0.0, ahead=("b",)), Round(("b",), 1.0, ahead=("r",)))
    ahead, begun = replace(sweep_record(), rounds=rounds), replace(sweep_record(), rounds=(*rounds, Round(("r",), 2.0)))
    assert Job(RUN, ahead).waiting(1.0).later
    assert not Job(RUN, begun).waiting(1.0).later and not Job(RUN, sweep_record()).waiting(1.0).later


def test_without_a_prediction_its_work_is_its_flops() -> None:
    assert job_of("auto").waiting(None).work == 8.0


def test_alone_it_takes_a_whole_device() -> None:
    assert job_of("auto", alone=True).waiting(1.0).memory == WHOLE > 2**50
    assert Job(RUN, sweep_record()).waiting(1.0) == Waiting("r", 1.0, 0, "", beside=1), "nothing is known of its memory"


def test_the_present_attempt_takes_time() -> None:
    job = job_of("auto")
    job.began = time.monotonic() - 5
    assert 5 <= job.elapsed < 60
    assert job.reserved == float("inf")


def test_runs_of_a_stack_share_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    jobs = {name: Job(replace(RUN, id=name), sweep_record(), stack=("a", "b", "c", "d")) for name in "abcd"}
    for each in jobs.values():
        each.begin(7, 0.25)
        each.share_with(4)
    now[0] += 8
    assert {each.elapsed for each in jobs.values()} == {2.0}
    ended = [jobs.pop("b")]
    leave_stack(ended[0], jobs)
    now[0] += 3
    assert {each.elapsed for each in jobs.values()} == {3.0}
    for name in ("a", "c"):
        leave_stack(jobs.pop(name), jobs)
    now[0] += 5
    assert jobs["d"].elapsed == 8.0
    jobs["d"].begin(8, 1.0)
    now[0] += 5
    assert (jobs["d"].elapsed, jobs["d"].fence, jobs["d"].share) == (5.0, 8, 1.0)


def test_of_a_part_of_a_device_a_part_of_the_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    job = job_of("auto")
    job.begin(1, 0.125, 0.25)
    job.share_with(2)
    now[0] += 16
    assert (job.elapsed, job.share) == (2.0, 0.125)


def test_as_many_share_a_device_as_were_measured_to_be_the_fastest_unless_memory_decides() -> None:
    job = Job(replace(RUN, config=CONFIG, cell=made_cell(memory_bytes=7, processes=4)), sweep_record())
    measured, by_memory = job.waiting(1.0), job.waiting(1.0, by_memory=True)
    assert (measured.beside, measured.stack) == (4, ""), "what trains side by side is in no stack"
    assert by_memory.beside == 0 and by_memory.stack
    assert job.waiting(1.0, shares=2).beside == 2 and job.waiting(1.0, shares=8).beside == 4
    unshared = job.waiting(1.0, shares=1)
    assert unshared.beside == 1 and unshared.stack, "the pool was started before anything was measured"
    alone = Job(replace(RUN, config=CONFIG, cell=made_cell(memory_bytes=7)), sweep_record()).waiting(1.0)
    assert alone.beside == 1 and alone.stack


def test_a_run_that_failed_in_a_stack_trains_alone() -> None:
    cell = made_cell(kind="auto", memory_bytes=7)
    assert Job(replace(RUN, config=CONFIG, cell=cell), sweep_record()).waiting(1.0).stack != ""
    assert Job(replace(RUN, config=CONFIG, cell=cell), sweep_record(), alone=True).waiting(1.0).stack == ""

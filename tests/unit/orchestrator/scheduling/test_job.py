"""A queued run as dispatch sees it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from orchestrator.scheduling.job import WHOLE, Job
from orchestrator.scheduling.waiting import Waiting
from orchestrator.states import RunState
from orchestrator.store import RunRecord
from tests.unit.orchestrator.store_fixtures import made_cell, sweep_record

RUN = RunRecord("r", {}, 8.0, None, RunState.QUEUED, 0, None, None, None, None, None, None)


def job_of(kind: str, memory: int = 7, alone: bool = False) -> Job:
    return Job(replace(RUN, cell=made_cell(kind=kind, memory_bytes=memory), alone=alone), sweep_record())


@pytest.mark.parametrize(("kind", "asked"), [("auto", ""), ("cpu", "cpu"), ("h100", "h100")])
def test_it_asks_for_the_device_of_its_sweep(kind: str, asked: str) -> None:
    assert job_of(kind).kind == asked
    assert job_of(kind).waiting(3.0) == Waiting("r", 3.0, 7, asked)


def test_without_a_prediction_its_work_is_its_flops() -> None:
    assert job_of("auto").waiting(None).work == 8.0


def test_alone_it_takes_a_whole_device() -> None:
    assert job_of("auto", alone=True).waiting(1.0).memory == WHOLE > 2**50
    assert Job(RUN, sweep_record()).waiting(1.0) == Waiting("r", 1.0, 0, ""), "nothing is known of its memory"


def test_the_present_attempt_takes_time() -> None:
    job = job_of("auto")
    job.began = time.monotonic() - 5
    assert 5 <= job.elapsed < 60
    assert job.reserved == float("inf")

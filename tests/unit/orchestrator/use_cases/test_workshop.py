"""Processes beside a service: results and errors come back, and whatever hangs or dies is ended and replaced."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from analysis.records import OutOfReachError
from orchestrator.errors import meaning_of
from orchestrator.use_cases.workshop import Workshop, WorkshopError


def refuse() -> None:
    raise OutOfReachError("no answer", "flops", 1.0, None)


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    made = Workshop(1, seconds=20.0)
    yield made
    made.shutdown()


def test_a_function_is_carried_out_elsewhere(workshop: Workshop) -> None:
    pid = workshop.submit(os.getpid).result(60)
    assert pid != os.getpid() and workshop.submit(os.getpid).result(60) == pid
    assert workshop.submit(os.nice, 0).result(60) > os.nice(0) or os.nice(0) > 14, "training goes before"


def test_an_error_comes_back_as_it_was(workshop: Workshop) -> None:
    error = workshop.submit(refuse).exception(60)
    assert isinstance(error, OutOfReachError) and str(error) == "no answer"
    assert (error.quantity, error.lowest, error.highest) == ("flops", 1.0, None)


def test_a_process_that_dies_is_replaced(workshop: Workshop) -> None:
    pid = workshop.submit(os.getpid).result(60)
    error = workshop.submit(signal.raise_signal, signal.SIGKILL).exception(60)
    assert isinstance(error, WorkshopError) and meaning_of(error).status == 503
    assert workshop.submit(os.getpid).result(60) != pid


def test_what_takes_too_long_is_ended() -> None:
    made = Workshop(1, seconds=0.1)
    error = made.submit(time.sleep, 600).exception(60)
    assert isinstance(error, WorkshopError) and "0.1 s" in str(error)
    made.shutdown()
    with pytest.raises(RuntimeError):
        made.submit(os.getpid)

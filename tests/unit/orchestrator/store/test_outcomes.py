"""What is believed of what an attempt reports."""

from __future__ import annotations

import math
from typing import Any

import pytest

from orchestrator.attempts import Outcome
from orchestrator.states import Cause
from orchestrator.store.outcomes import sound
from tests.unit.orchestrator.store_fixtures import result

DONE = Outcome(Cause.DONE, result(2.5), device="cpu", seconds=4.0, flops=1e9, share=0.25)


def test_a_result_with_its_numbers_stays_as_it_is() -> None:
    assert sound(DONE) == DONE


@pytest.mark.parametrize("name", ["loss", "bits_per_byte", "train_seconds"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_result_that_is_not_finite_has_diverged(name: str, number: float) -> None:
    found = sound(Outcome(Cause.DONE, result() | {name: number}, device="cpu", seconds=4.0))
    assert (found.cause, found.result, found.device, found.seconds) == (Cause.DIVERGED, None, None, 4.0)
    assert found.detail == f"its result has a {name} of {number}"


@pytest.mark.parametrize("bad", [None, "3.0", True, [3.0]])
def test_a_result_without_a_number_fails_with_its_name(bad: Any) -> None:
    found = sound(Outcome(Cause.DONE, result() | {"loss": bad}))
    assert (found.cause, found.detail) == (Cause.CONFIGURATION, "its result has no number as loss")


def test_no_result_at_all_is_no_result() -> None:
    found = sound(Outcome(Cause.DONE))
    assert (found.cause, found.detail) == (
        Cause.CONFIGURATION, "its result has no number as loss, bits_per_byte, train_seconds",
    )  # fmt: skip


def test_other_numbers_of_a_result_that_are_none_are_left_out() -> None:
    more = {"evaluation_seconds": math.nan, "losses": {"a": math.inf, "b": 2.0}, "tokens": 2**40, "note": "x\0"}
    assert sound(Outcome(Cause.DONE, result() | more)).result == result() | {
        "losses": {"a": None, "b": 2.0}, "tokens": 2**40, "note": "x\ufffd",
    }  # fmt: skip


@pytest.mark.parametrize("number", [math.nan, math.inf, -1.0, None])
def test_seconds_and_flops_that_cannot_be_are_unknown(number: Any) -> None:
    found = sound(Outcome(Cause.LOST, seconds=number, flops=number))
    assert (found.seconds, found.flops) == (None, 0.0)


def test_a_trace_is_text() -> None:
    assert sound(Outcome(Cause.CODE, detail="File '\udcff.py'\0")).detail == "File '\ufffd.py'\ufffd"
    assert sound(Outcome(Cause.CODE, detail="boom", seconds=0.0)).seconds == 0.0

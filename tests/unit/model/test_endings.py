"""The ends of a run without a result: which of them the product expects."""

from __future__ import annotations

from model.endings import Diverged, Interrupted
from tokenizer.errors import ExpectedError


def test_a_divergence_is_expected_and_an_interruption_goes_on() -> None:
    assert issubclass(Diverged, ExpectedError) and Diverged.kind == "diverged"
    assert not issubclass(Interrupted, ExpectedError)

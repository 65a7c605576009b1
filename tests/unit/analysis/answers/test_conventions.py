"""One law under several ways to count."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.answers.conventions import counted, optima
from analysis.answers.published import PUBLISHED
from analysis.records import LawError, QuestionError

LAW = PUBLISHED["besiroglu2024"]
SIZES = [float(n) for n in np.geomspace(1e5, 1e13, 200)]


def ladders():
    """All parameters counted with 6 N, and half of a constant part left out of both."""
    left_out = 3e6
    return counted(
        [{"six_n": n + left_out, "kaplan": n} for n in SIZES],
        [{"six_n": 6 * (n + left_out), "kaplan": 6 * n} for n in SIZES],
    )


def test_the_laws_own_count_gives_back_its_optimum() -> None:
    (own, _) = ladders()
    for found in optima(LAW.losses, [n + 3e6 for n in SIZES], [own], [1e20, 1e22]):
        expected = LAW.predict(found.flops)
        assert found.params == pytest.approx(expected.params, rel=0.01)
        assert found.tokens == pytest.approx(expected.tokens, rel=0.01)
        assert found.exponent == pytest.approx(0.3658 / (0.3478 + 0.3658), abs=0.004)


def test_leaving_parameters_out_steepens_the_exponent_of_small_budgets() -> None:
    found = optima(LAW.losses, [n + 3e6 for n in SIZES], ladders(), [1e18, 1e23])
    exponents = {(one.convention, one.flops): one.exponent for one in found}
    assert exponents["kaplan", 1e18] > exponents["six_n", 1e18] + 0.02
    assert exponents["kaplan", 1e23] == pytest.approx(exponents["six_n", 1e23], abs=0.01)


def test_an_optimum_beyond_the_ladder_is_not_made_up() -> None:
    (own, _) = ladders()
    (found,) = optima(LAW.losses, [n + 3e6 for n in SIZES], [own], [1e35])
    assert np.isnan(found.params)
    assert np.isnan(found.exponent)
    with pytest.raises(QuestionError, match="positive"):
        optima(LAW.losses, SIZES, ladders(), [-1.0])
    with pytest.raises(LawError, match="no loss"):
        PUBLISHED["llama3"].losses(np.array([1e9]), np.array([1e10]))


def test_ladders_are_made_by_convention() -> None:
    (first, second) = counted(
        [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}], [{"a": 5.0, "b": 6.0}, {"a": 7.0, "b": 8.0}]
    )
    assert (first.convention, second.convention) == ("a", "b")
    assert first.params.tolist() == [1.0, 3.0] and second.flops_per_token.tolist() == [6.0, 8.0]


def test_the_exponent_is_taken_over_a_decade_to_either_side() -> None:
    """A law whose optimum is N* = sqrt(C) with a bend: the mean slope from a tenth to ten times the budget."""

    def loss(params: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        log_c = np.log(params * tokens)
        return (np.log(params) - 0.5 * log_c - 0.001 * log_c**2) ** 2

    (ladder,) = counted([{"c": n} for n in SIZES], [{"c": n} for n in SIZES])
    (found,) = optima(loss, SIZES, [ladder], [1e16])
    low, high = (0.5 * np.log(c) + 0.001 * np.log(c) ** 2 for c in (1e15, 1e17))
    assert found.exponent == pytest.approx((high - low) / np.log(100), abs=2e-3)
    assert found.params * found.tokens == pytest.approx(1e16)

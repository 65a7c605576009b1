"""The best value of a varied number: a valley's minimum, its interval, and ends that are no minimum."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from analysis.answers.best_value import best_values
from analysis.answers.compare import Side
from analysis.answers.frontier import IncomparableError
from analysis.records import Interval, LawError

VOCABS = [256.0, 512.0, 1024.0, 2048.0, 4096.0]


def side(loss: float, half: float = 0.01, size: float | None = None, unit: str = "nats/token") -> Side:
    """A law that predicts the same loss at every budget."""
    point = SimpleNamespace(loss=loss, loss_interval=Interval(loss - half, loss + half))
    law: Any = SimpleNamespace(band=lambda budgets: [point] * len(budgets), loss_unit=unit, convention="")
    return Side("x", law, size)


def valley(best: float, depth: float = 0.05) -> list[float]:
    return [1.5 + depth * math.log(vocab / best) ** 2 for vocab in VOCABS]


def test_the_minimum_of_a_parabola_is_found_in_any_order() -> None:
    sides = [side(loss) for loss in valley(900.0)]
    (found,) = best_values(VOCABS, sides, [1e12])
    assert found.value == pytest.approx(900, rel=1e-6)
    assert 900 / 1.3 < found.interval.low < 900 < found.interval.high < 900 * 1.3
    assert (found.unit, found.at_edge, found.flops) == ("nats/token", "", 1e12)
    (again,) = best_values(VOCABS[::-1], sides[::-1], [1e12])
    assert again == found


def test_less_noise_is_a_narrower_interval() -> None:
    wide, narrow = (
        best_values(VOCABS, [side(loss, half) for loss in valley(900.0)], [1e12])[0] for half in (0.02, 0.005)
    )
    assert narrow.interval.high / narrow.interval.low < wide.interval.high / wide.interval.low


def test_a_best_at_an_end_is_said_to_be_there() -> None:
    (found,) = best_values(VOCABS, [side(loss, 0.001) for loss in valley(60.0)], [1e12])
    assert (found.value, found.interval.low, found.at_edge) == (256, 256, "smallest")
    (flat,) = best_values(VOCABS, [side(1.5, 0.1) for _ in VOCABS], [1e12])
    assert flat.at_edge == "both"


def test_losses_of_different_tokenizers_are_compared_per_byte() -> None:
    """Nats per token rise with the vocabulary although every byte costs the same valley."""
    sizes = [1.0 + 0.5 * number for number in range(5)]
    sides = [
        side(bits * size * math.log(2), 0.01 * size, size) for bits, size in zip(valley(1100.0), sizes, strict=True)
    ]
    (found,) = best_values(VOCABS, sides, [1e12])
    assert found.unit == "bits/byte"
    assert found.value == pytest.approx(1100, rel=1e-6)
    assert (found.tried, found.losses) == (tuple(VOCABS), pytest.approx(valley(1100.0)))


def test_what_cannot_be_said() -> None:
    with pytest.raises(LawError, match="3 positive values"):
        best_values([1.0, 2.0], [side(1), side(2)], [1e12])
    with pytest.raises(LawError, match="3 positive values"):
        best_values([0.0, 1.0, 2.0], [side(1), side(2), side(3)], [1e12])
    with pytest.raises(IncomparableError):
        best_values(VOCABS[:3], [side(1, size=2.0), side(2, size=3.0), side(3)], [1e12])

"""Building a dataset: which fraction fills both splits."""

from __future__ import annotations

import pytest

from tokenizer import building as module


@pytest.mark.parametrize(
    ("low", "high", "between"),
    [(0.0, 0.9, "0.1"), (0.15, 0.99, "0.2"), (0.98, 0.9853, "0.981"), (0.2, 0.3, "0.3"), (0.21, 0.2100000001, None)],
)
def test_the_shortest_number_between_two_positions(low: float, high: float, between: str | None) -> None:
    found = module._between(low, high)
    assert low < float(found) <= high
    assert between is None or found == between

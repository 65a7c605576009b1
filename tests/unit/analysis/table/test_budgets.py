"""Budgets by gaps: told apart where gaps stand out, and said to be unclear where none does."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.table.budgets import group
from analysis.table.table import RunTable
from tests.unit.analysis.table.frames import frame


@pytest.mark.parametrize("ratio", [1.3, 2.0, 3.0])
@pytest.mark.parametrize("scatter", [0.0, 1e-9, 0.01, 0.05])
def test_budgets_are_told_apart_by_their_gaps(ratio: float, scatter: float) -> None:
    for seed in range(5):
        shift = np.random.default_rng(seed).uniform(1 - scatter, 1 + scatter, 60)
        labels, budgets, clear = group(np.repeat(1e18 * ratio ** np.arange(6), 10) * shift)
        assert clear
        assert np.array_equal(labels, np.repeat(np.arange(6), 10))
        assert budgets == pytest.approx(1e18 * ratio ** np.arange(6), rel=scatter + 1e-12)


def test_budgets_that_no_gap_tells_apart_are_said_to_be_unclear() -> None:
    flops = np.geomspace(1e18, 1e20, 60)
    _, budgets, clear = group(flops)
    assert not clear
    data = frame().iloc[:1].loc[np.zeros(60, dtype=int)]
    data = data.assign(flops=flops, tokens=flops / 6e8, params=1e8, loss=np.linspace(4, 3, 60))
    table = RunTable.from_frame(data)
    assert len(table.budgets) == len(budgets)
    assert any("No gaps" in warning for warning in table.warnings)


def test_budgets_come_from_gaps_not_from_rounding() -> None:
    """1.5e19 and 2.4e19 round to one significant figure as 2e19."""
    table = RunTable.from_frame(frame((1.5e19, 2.4e19, 9.6e19)))
    assert np.allclose(table.budgets, [1.5e19, 2.4e19, 9.6e19])


def test_scattered_budgets_are_split_at_their_largest_gaps() -> None:
    data = frame((1e18, 2e18, 4e18), sizes=9)
    data["flops"] *= np.exp(np.random.default_rng(1).uniform(-0.12, 0.12, len(data)))
    table = RunTable.from_frame(data)
    assert np.bincount(table.budget).tolist() == [9, 9, 9]

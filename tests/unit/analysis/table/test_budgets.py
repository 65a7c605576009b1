"""Budgets by gaps: told apart where gaps stand out, and said to be unclear where none does."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.table.budgets import SPREAD, group
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


def test_one_budget_and_one_run_are_clear() -> None:
    for flops in ([1e18], [1e18] * 5, [1e18, 1e18 * (1 + 1e-4)]):
        labels, budgets, clear = group(np.array(flops))
        assert clear and labels.tolist() == [0] * len(flops)
        assert budgets == pytest.approx([np.exp(np.log(flops).mean())])


def test_labels_follow_the_runs_whatever_their_order() -> None:
    flops = np.array([1e20, 1e18, 1e19, 1e18, 1e20, 1e19, 1e18, 1e18, 1e19, 1e19, 1e20, 1e20])
    labels, budgets, clear = group(flops)
    assert clear and budgets == pytest.approx([1e18, 1e19, 1e20])
    assert (budgets[labels] / flops) == pytest.approx(np.ones(12))


def test_most_runs_must_be_in_full_budgets_for_a_gap_to_count() -> None:
    """Of ten runs eight in fours are a grouping, seven are not."""
    full = np.concatenate([np.full(4, 1e18), np.full(4, 1e19)])
    eight = np.concatenate([full, [1e20, 1e21]])
    assert group(eight)[2]
    seven = np.concatenate([full[:-1], [1e20, 1e21, 1e22]])
    assert not group(seven)[2]


def test_a_scattered_budget_is_not_wider_than_its_limit() -> None:
    labels, budgets, clear = group(np.geomspace(1e18, 1e20, 60))
    assert not clear
    log_c = np.log(np.geomspace(1e18, 1e20, 60))
    assert max(float(np.ptp(log_c[labels == budget])) for budget in range(len(budgets))) <= SPREAD

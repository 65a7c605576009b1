"""The loss frontier with few budgets: its bend is what the runs say, of either sign, and not what a form prefers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.fitting.cost import TokenCost
from analysis.fitting.estimators import FRONTIER
from analysis.fitting.forms import Design
from analysis.law import fit
from analysis.table.table import RunTable


def test_the_frontier_is_the_power_law_with_a_floor() -> None:
    c = np.linspace(-2, 4, 9)
    value = FRONTIER.value(np.array([[3.0, np.log(0.2), 0.16]]), Design(c, c, c))[0]
    np.testing.assert_allclose(value, 3.0 - 0.2 / 0.16 + 0.2 / 0.16 * np.exp(-0.16 * c))


def _sweep(frontier, seed: int) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    """Three tiny budgets × 7 sizes around N* ∝ C^0.45 on a given frontier; noise 10 thousandths."""
    random = np.random.default_rng(seed)
    rows = []
    for budget in (1e11, 2.5e11, 6e11):
        centre = 3.4e4 * (budget / 1e11) ** 0.45
        for u in np.linspace(-1.1, 1.1, 7):
            loss = frontier(np.log(budget / 1e11)) + 0.17 * u**2 + random.normal(0, 0.01)
            params = centre * np.exp(u)
            rows.append({"flops": budget, "params": params, "tokens": budget / 7 / params, "loss": loss})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("name", "frontier"),
    [
        ("straight", lambda c: 4.2 - 0.3 * c),
        ("steepening", lambda c: 4.2 - 0.28 * c - 0.012 * c**2),
        ("flattening", lambda c: 1.8 + 2.4 * np.exp(-0.15 * c)),
    ],
)
def test_three_budgets_cover_the_loss_at_three_times_whatever_the_bend(name, frontier) -> None:  # type: ignore[no-untyped-def]
    target = 3 * 6e11
    covered, halves = 0, []
    for seed in range(20):
        law = fit(RunTable.from_frame(_sweep(frontier, seed)), cost=TokenCost.constant(7.0), holdout=False)
        prediction = law.predict(target)
        covered += frontier(np.log(target / 1e11)) in prediction.loss_interval
        halves.append((prediction.loss_interval.high - prediction.loss_interval.low) / 2)
    assert covered >= 18, f"{name}: {covered} of 20"
    assert np.median(halves) < 0.35


def test_more_compute_is_never_predicted_to_do_worse() -> None:
    law = fit(RunTable.from_frame(_sweep(lambda c: 4.2 - 0.3 * c, 0)), cost=TokenCost.constant(7.0), holdout=False)
    at, far = law.band([6e11, 6e14])
    assert far.loss_interval.low < far.loss <= far.loss_interval.high <= at.loss_interval.high

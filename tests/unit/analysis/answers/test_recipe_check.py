"""The verdict on a checked cell: the rule's loss against the best around it."""

from __future__ import annotations

import math

import pytest

from analysis.answers.recipe_check import Trial, judge


def trials(best: float, *, rule: float | None = 4.0, other: float | None = 4.1) -> list[Trial]:
    losses = {(1.0, 1.0): rule, (1.0, 2.0): best, (0.25, 4.0): math.inf, (4.0, 1.0): other}
    return [Trial(1e11, 2e4, "left end", batch, lr, loss) for (batch, lr), loss in losses.items()]


@pytest.mark.parametrize(
    ("best", "sigma", "rule", "other", "verdict"),
    [
        (3.985, None, 4.0, 4.1, "passes"),
        (3.97, None, 4.0, 4.1, "fails"),
        (3.97, 0.02, 4.0, 4.1, "passes"),  # within two standard deviations between seeds
        (3.97, 0.01, 4.0, 4.1, "fails"),
        (3.985, None, 4.0, None, "open"),
        (3.97, None, 4.0, None, "fails"),  # whatever the last run says
        (3.97, None, None, 4.1, "open"),
        (3.97, None, math.inf, 4.1, "fails"),
        (4.2, None, 4.0, 4.1, "passes"),
    ],
)
def test_the_verdict(best: float, sigma: float | None, rule: float | None, other: float | None, verdict: str) -> None:
    (cell,) = judge(trials(best, rule=rule, other=other), sigma)
    assert cell.verdict == verdict
    assert cell.threshold == max(0.02, 2 * (sigma or 0))
    assert cell.runs == 4 and cell.trained == 4 - [rule, other].count(None)
    if best == 3.97:
        assert (cell.best_batch, cell.best_lr) == (1.0, 2.0)
    if best == 4.2 and cell.gap is not None:
        assert cell.gap == 0 and cell.best_lr == 1.0

"""R* is recovered from simulated sweeps, bounded on one side where that is all, and refused where nothing repeats."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.repetition.learn import fit_worth
from analysis.fitting.repetition.own import FittedWorth
from analysis.table.table import RunTable
from tests.unit.analysis.fitting.repetition.learnt import fitted, valley
from tests.unit.analysis.repeating import COST, repeating, table


def _known(found: FittedWorth | None) -> FittedWorth:
    assert found is not None
    return found


def test_the_truth_is_inside_narrow_intervals() -> None:
    found = fitted()
    assert (found.runs, len(found.worse)) == (45, 0) and found.epochs == pytest.approx(8)
    assert found.tokens.value == pytest.approx(5, rel=0.2) and found.params.value == pytest.approx(3, rel=0.3)
    assert found.tokens.low is not None and found.tokens.high is not None
    assert found.tokens.low < 5 < found.tokens.high < 1.5 * found.tokens.low


def test_repetition_that_costs_nothing_is_bounded_from_below_alone() -> None:
    found = _known(fit_worth(table(1e5, 1e5, passes=(1, 2)), valley(), COST))
    assert found.tokens.high is None and found.tokens.low is not None and found.tokens.low > 3


def test_runs_that_hardly_repeat_say_nothing() -> None:
    assert fit_worth(table(passes=(1, 1.3)), valley(), COST) is None


def test_runs_that_overfit_are_told_apart_and_move_nothing() -> None:
    frame = repeating(5, 3)
    size = frame.params / frame.unique_tokens
    worst = size > size.quantile(0.9)
    frame.loc[worst, "loss"] += 1.5
    found = _known(fit_worth(RunTable.from_frame(frame), valley(), COST))
    assert len(found.worse) == worst.sum() > 0
    assert found.worse[:, 2] == pytest.approx(np.full(worst.sum(), 1.5), abs=0.2)
    assert found.tokens.low is not None and found.tokens.high is not None
    assert found.tokens.low < 5 < found.tokens.high


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("tokens", "params"), [(5.0, 3.0), (15.4, 5.3)])
def test_intervals_cover(tokens: float, params: float) -> None:
    """Of 100 sweeps; each with a law of its own."""
    from analysis.law import fit

    covered = np.zeros(2)
    for seed in range(100):
        worth = _known(fit(table(tokens, params, seed=seed), cost=COST, holdout=False).worth)
        for index, (own, truth) in enumerate(((worth.tokens, tokens), (worth.params, params))):
            covered[index] += (own.low or 0) <= truth <= (own.high or np.inf)
    assert covered[0] >= 88 and covered[1] >= 80

"""The width that a plan promises is the width that its fit will have, where runs miss the form as they usually do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.answers import usual
from analysis.answers.expected import ExpectedWidth, _of_law, _of_valley, expected_widths
from analysis.law import fit
from analysis.records import LawError
from tests.unit.analysis.law_tables import SMALL_COST, small, sweep, table

SMALL = {"truth": small, "budgets": (1e11, 3e11, 1e12), "span": 3.4, "cost": SMALL_COST}


def expected(plan: pd.DataFrame, *, noise: float, multiple: float = 3.0, draws: int = 5) -> ExpectedWidth:
    return expected_widths(plan.flops, plan.params, plan.tokens, noise=noise, multiples=(multiple,), draws=draws)[0]


def test_the_expected_width_is_near_the_one_that_comes_where_noise_hides_the_misfit() -> None:
    plan = sweep(noise=0.01, **SMALL)  # type: ignore[arg-type]
    near, far = expected_widths(plan.flops, plan.params, plan.tokens, cost=SMALL_COST, multiples=(3, 30))
    came = []
    for seed in range(6):
        law = fit(table(noise=0.01, seed=seed, **SMALL), cost=SMALL_COST, holdout=False)
        prediction = law.predict(3e12)
        came.append((prediction.loss_interval.high - prediction.loss_interval.low) / 2)
    assert near.loss == pytest.approx(float(np.median(came)), rel=0.6)
    assert far.loss > near.loss and far.params_factor > near.params_factor > 1


def test_misfit_makes_intervals_wider_than_noise_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = sweep(span=8.0, budgets=tuple(np.geomspace(1e18, 1e20, 7)))
    typical = expected(plan, noise=0.003)
    monkeypatch.setattr(usual, "USUAL", usual.USUAL._replace(misfit=1e-6))
    exact = expected(plan, noise=0.003)
    assert np.log(typical.params_factor) > 2 * np.log(exact.params_factor)
    assert typical.loss > 1.5 * exact.loss


def test_a_wider_grid_promises_more_within_its_budgets() -> None:
    narrow, wide = (expected(sweep(span=span), noise=0.003, multiple=1.0) for span in (1.5, 6.0))
    assert wide.params_factor < narrow.params_factor


def test_more_budgets_and_more_repeats_promise_more_and_noise_promises_less() -> None:
    ends = (1e18, 1e20)
    few, many = (expected(sweep(budgets=tuple(np.geomspace(*ends, count))), noise=0.01) for count in (3, 9))
    assert many.params_factor < few.params_factor and many.loss < few.loss
    once = sweep(noise=0.01)
    thrice = pd.concat([once] * 3, ignore_index=True)
    single, repeated = (expected(plan, noise=0.03, draws=15) for plan in (once, thrice))
    assert repeated.params_factor < single.params_factor and repeated.loss < single.loss
    quiet = expected(once, noise=0.003)
    assert quiet.params_factor < single.params_factor and quiet.loss < single.loss


def test_a_hopeless_plan_says_why() -> None:
    plan = sweep(budgets=(1e18, 1e19))
    with pytest.raises(LawError, match="at least 3"):
        expected_widths(plan.flops, plan.params, plan.tokens)


def test_multiples_noise_and_draws_are_what_is_asked_for() -> None:
    plan = sweep(noise=0.0)
    args = (plan.flops, plan.params, plan.tokens)
    found = expected_widths(*args, noise=0.003, multiples=(1.0, 5.0, 50.0), draws=1)
    assert [one.multiple for one in found] == [1.0, 5.0, 50.0]
    assert found == expected_widths(*args, noise=0.003, multiples=(1.0, 5.0, 50.0), draws=1), "the same each time"
    noisy = expected_widths(*args, noise=0.03, multiples=(5.0,), draws=1)
    assert noisy[0].loss > 1.5 * found[1].loss


def test_named_budgets_group_runs_that_gaps_would_not() -> None:
    plan = sweep(budgets=tuple(np.geomspace(1e18, 2.2e18, 4)))
    factor = np.tile(np.geomspace(0.9, 1.1, 7), 4)
    args = (plan.flops * factor, plan.params, plan.tokens * factor)
    assert len(expected_widths(*args, budgets=plan.flops, draws=1)) == 2


def test_the_headline_alone_is_as_wide_as_the_whole_law() -> None:
    for cost, outcome in ((SMALL_COST, table(noise=0.01, seed=3, **SMALL)), (None, table(noise=0.003, span=3.0))):
        law = fit(outcome, cost=cost, holdout=False)
        asked = law.largest_budget * np.array([0.5, 1.0, 10.0, 1e4])
        for whole, short in zip(_of_law(law, asked), _of_valley(outcome, asked), strict=True):
            np.testing.assert_array_equal(whole, short)

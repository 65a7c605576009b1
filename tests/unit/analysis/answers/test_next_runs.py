"""What further runs would buy: narrower intervals from one more budget, costs, and an order by worth."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from analysis.answers.next_runs import NextRuns, Outlook, _budget, _worth, outlook
from analysis.law import Law, fit
from analysis.records import LawError
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import sweep, table


@pytest.fixture(scope="module")
def runs() -> RunTable:
    return table(noise=0.005)


@pytest.fixture(scope="module")
def law(runs: RunTable) -> Law:
    return fit(runs, holdout=False)


@pytest.fixture(scope="module")
def found(law: Law, runs: RunTable) -> Outlook:
    return outlook(law, runs)


def choice(found: Outlook, kind: str) -> NextRuns:
    """The choice of a kind."""
    return next(one for one in found.choices if one.kind == kind)


def test_widths_now_are_those_of_the_law(law: Law, found: Outlook) -> None:
    assert [width.multiple for width in found.now] == [3.0, 10.0]
    assert [width.flops for width in found.now] == pytest.approx([3e20, 1e21])
    for width in found.now:
        answer = law.predict(width.flops)
        low, high = answer.params_interval.low, answer.params_interval.high
        assert width.params_factor == pytest.approx(math.sqrt(high / low)) and high > low
        assert width.loss == pytest.approx((answer.loss_interval.high - answer.loss_interval.low) / 2)


def test_one_more_budget_narrows_n_and_the_loss(found: Outlook) -> None:
    more = choice(found, "budget")
    assert more.budgets == pytest.approx((3e20,)) and more.runs == 7 and more.flops == pytest.approx(7 * 3e20)
    for now, then in zip(found.now, more.expected, strict=True):
        assert now.flops == then.flops, "the same budget is asked about"
        assert now.params_factor and then.params_factor and now.loss and then.loss
        assert then.params_factor < now.params_factor and then.loss < now.loss
    assert more.ratio is not None and 0.3 < more.ratio < 0.95


def test_where_no_curve_has_a_minimum_a_further_budget_has_the_sizes_of_the_largest(law: Law) -> None:
    """As in a sweep that was cancelled."""
    flat = replace(law, curves=tuple(replace(curve, minima=()) for curve in law.curves))
    budgets, params = _budget(flat)
    assert budgets == pytest.approx(np.full(7, 3e20)) and len(params) == 7


def test_what_is_expected_is_about_what_a_real_budget_brings(found: Outlook) -> None:
    real = fit(RunTable.from_frame(sweep(budgets=(1e18, 3e18, 1e19, 3e19, 1e20, 3e20), noise=0.005)), holdout=False)
    far = real.predict(1e21)
    expected, loss = choice(found, "budget").expected[-1], far.loss_interval
    low, high = far.params_interval.low, far.params_interval.high
    assert expected.loss is not None and 0.5 < expected.loss / ((loss.high - loss.low) / 2) < 2
    assert expected.params_factor is not None and 0.5 < math.log(expected.params_factor) / math.log(high / low) * 2 < 2


def test_repeats_and_sizes_cost_what_their_runs_do(law: Law, found: Outlook) -> None:
    repeats, sizes = choice(found, "repeats"), choice(found, "sizes")
    assert repeats.budgets == pytest.approx((1e18, 3e18, 1e19, 3e19, 1e20)) and repeats.runs == 5
    assert repeats.flops == pytest.approx(1.44e20)
    assert sizes.budgets == pytest.approx((1e20,)) and sizes.runs == 2 and sizes.flops == pytest.approx(2e20)


def test_the_most_narrowing_for_its_flops_comes_first(found: Outlook) -> None:
    worth = [_worth(one, found.now) for one in found.choices]
    assert worth == sorted(worth, reverse=True) and len(worth) == 3
    blind = [replace(width, params_factor=None, loss=None) for width in found.now]
    assert _worth(found.choices[-1], blind)[0] == 2, "an answer where there was none outweighs narrowing"


def test_nothing_is_changed_and_all_of_it_is_plain_data(law: Law, runs: RunTable, found: Outlook) -> None:
    before = copy.deepcopy((runs.loss, runs.budgets, law.uncertainty.total))
    again = outlook(law, runs)
    assert again == found
    for old, new in zip(before, (runs.loss, runs.budgets, law.uncertainty.total), strict=True):
        assert np.array_equal(old, new)
    assert json.loads(json.dumps(asdict(again)))["choices"][0]["runs"] == again.choices[0].runs


def test_without_a_law_there_is_no_outlook() -> None:
    thin = table(sizes=2)
    with pytest.raises(LawError):
        outlook(fit(thin, holdout=False), thin)


def test_budgets_without_an_answer_are_none(law: Law, runs: RunTable) -> None:
    far = outlook(law, runs, multiples=(3.0, 1e30), draws=1)
    assert far.now[1].params_factor is None and far.now[1].loss is None
    assert all(one.expected[1].loss is None and one.ratio is not None for one in far.choices)

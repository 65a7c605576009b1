"""Suggestions before the first run: whole curves first, then what simulated outcomes call for."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

from analysis.answers.expected import expected_widths
from analysis.records import LawError, QuestionError
from analysis.suggest import first as first_runs
from analysis.suggest.cells import Cells
from analysis.suggest.first import suggest_first
from analysis.suggest.records import Outcome, Target, Why
from tests.unit.analysis.law_tables import SMALL_COST


def plan(budgets: tuple[float, ...] = (1e11, 3e11, 1e12, 3e12)) -> Cells:
    budget = np.repeat(budgets, 7)
    params = np.concatenate([5e4 * (each / 3e11) ** 0.5 * np.exp(np.linspace(-1, 1, 7)) for each in budgets])
    none = np.zeros(len(budget), dtype=np.int64)
    return Cells(budget, params, np.asarray(SMALL_COST.tokens(budget, params)), budget, none, none + 2)


def test_the_first_runs_are_three_whole_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_runs, "OUTCOMES", 1)
    found = suggest_first(plan(), 1e13, cost=SMALL_COST, noise=0.01, spend=3e13)
    first = [run for run in found.runs if run.why is Why.FIRST]
    assert first == list(found.runs[:15])
    assert {run.budget for run in first} == {1e11, 3e11, 1e12}
    cells, sizes = plan(), {run.params for run in first}
    ends = [float(cells.params[cells.budget == 1e11][at]) for at in (0, 1, -2, -1)]
    assert [end in sizes for end in ends] == [False, True, True, False], "a budget's outermost sizes are left out"
    assert [run.expected for run in first[:-1]] == [None] * 14
    assert first[-1].expected is not None
    assert found.now is None
    assert len(found.runs) > 15
    assert found.runs[-1].spent == pytest.approx(sum(run.flops for run in found.runs))
    assert found.runs[-1].spent <= 3e13 * 1.000001


def test_what_is_expected_at_the_end_is_what_a_plan_of_the_same_grid_expects() -> None:
    found = suggest_first(plan(), 1e13, cost=SMALL_COST, noise=0.01, spend=2e13)
    runs = found.runs
    (width,) = expected_widths(
        [run.flops for run in runs],
        [run.params for run in runs],
        [run.tokens for run in runs],
        budgets=[run.budget for run in runs],
        noise=0.01,
        multiples=(1e13 / max(run.budget for run in runs),),
    )
    last = runs[-1].expected
    assert last is not None
    assert last.params_factor == pytest.approx(width.params_factor, rel=1e-6)
    assert last.loss_half == pytest.approx(width.loss, rel=0.2), (
        "whose interval no loss above the largest budget's ends"
    )


def test_a_target_is_reached_by_simulated_losses_and_not_by_hopes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_runs, "OUTCOMES", 1)
    ask = partial(suggest_first, plan(), 1e13, cost=SMALL_COST, noise=0.003, spend=3e13)
    every = ask().runs
    wide, narrow = every[14].expected, every[-1].expected
    assert wide is not None and narrow is not None
    target = Target(params_factor=math.exp(wide.log_params_half**0.4 * narrow.log_params_half**0.6))
    reached = ask(target=target)
    assert reached.outcome is Outcome.REACHED and reached.target == target
    assert reached.expected is not None and target.reached(reached.expected)
    assert not any(target.reached(run.expected) for run in reached.runs[:-1] if run.expected)
    missed = ask(target=Target(loss=narrow.loss_half / 2))
    assert missed.outcome is not Outcome.REACHED and missed.expected is not None
    assert not missed.target.reached(missed.expected)


def test_a_spend_below_the_first_law_names_its_price() -> None:
    with pytest.raises(QuestionError, match=r"first law and a run after it: 3 curves of 5 sizes cost 7e12"):
        suggest_first(plan(), 1e13, cost=SMALL_COST, noise=0.01, spend=1e12)


def test_too_few_budgets_are_no_law() -> None:
    with pytest.raises(LawError, match="fewer than 3 budgets"):
        suggest_first(plan((1e11, 3e11)), 1e13, cost=SMALL_COST, noise=0.01, spend=1e13)

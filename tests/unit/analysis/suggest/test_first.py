"""Suggestions before the first run: whole curves first, then what simulated outcomes call for."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.records import LawError, QuestionError
from analysis.suggest import first as first_runs
from analysis.suggest.cells import Cells
from analysis.suggest.first import suggest_first
from analysis.suggest.records import Why
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


def test_a_spend_below_the_first_law_names_its_price() -> None:
    with pytest.raises(QuestionError, match=r"first law and a run after it: 3 curves of 5 sizes cost 7e12"):
        suggest_first(plan(), 1e13, cost=SMALL_COST, noise=0.01, spend=1e12)


def test_too_few_budgets_are_no_law() -> None:
    with pytest.raises(LawError, match="fewer than 3 budgets"):
        suggest_first(plan((1e11, 3e11)), 1e13, cost=SMALL_COST, noise=0.01, spend=1e13)

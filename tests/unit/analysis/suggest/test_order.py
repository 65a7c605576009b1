"""The order: within its spend, better with more, and no dearer than what it gains."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.valley.posterior import Valley, optima
from analysis.law import Law
from analysis.suggest import order
from analysis.suggest.cells import Cells
from analysis.suggest.order import Order, _grow, choose, expected
from analysis.suggest.records import Target, Why
from tests.unit.analysis.suggest.conftest import ASKED


@pytest.fixture(scope="module")
def valley(law: Law) -> Valley:
    assert law.valley is not None
    return law.valley


def test_more_spend_narrows_more(valley: Valley, cells: Cells) -> None:
    widths = []
    for spend in (2e19, 2e20, 2e21):
        steps = choose(valley, cells, ASKED, cells.flops, spend, Target())
        assert 0 < sum(cells.flops[step.cell] for step in steps) <= spend * 1.000001
        last = expected(valley, cells, ASKED, steps)[-1]
        widths.append(last.log_params_half * last.loss_half)
    assert widths == sorted(widths, reverse=True)


def test_what_is_expected_falls_from_run_to_run(valley: Valley, cells: Cells) -> None:
    after = expected(valley, cells, ASKED, choose(valley, cells, ASKED, cells.flops, 2e20, Target()))
    first = optima(valley, np.log([ASKED]))
    assert after[-1].log_params_half < float(first.log_params_half[0])
    assert after[-1].loss_half < float(first.loss_half[0])


def test_the_largest_budget_comes_first(valley: Valley, cells: Cells) -> None:
    """But for repeats and missing sides, whatever it was chosen after."""
    steps = choose(valley, cells, ASKED, cells.flops, 2e21, Target())
    budgets = [float(cells.budget[step.cell]) for step in steps if step.why not in (Why.NOISE, Why.SIDE)]
    at_top = budgets.count(max(budgets))
    assert 3 <= at_top < len(budgets)
    assert set(budgets[:at_top]) == {max(budgets)}


def test_the_largest_budget_that_can_be_opened_is_tried_first(
    valley: Valley, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run of the largest is affordable here, and three are not."""
    tried: list[float | None] = []

    def grow(made: Order, part: float, target: Target, first: float | None) -> bool:
        tried.append(first)
        return _grow(made, part, target, first)

    monkeypatch.setattr(order, "_grow", grow)
    new = [budget for budget in cells.budgets.tolist() if not cells.runs[cells.budget == budget].any()]
    assert len(new) > 1
    spend = 2 * float(cells.flops[cells.budget == new[-1]].min())
    choose(valley, cells, ASKED, cells.flops, spend, Target())
    openable = [budget for budget in new if 3 * float(cells.flops[cells.budget == budget].min()) <= spend]
    assert openable and openable[-1] < new[-1]
    assert [first for first in tried if first is not None] == openable[-1:]

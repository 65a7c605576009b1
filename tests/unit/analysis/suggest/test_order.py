"""The order: within its spend, better with more, and no dearer than what it gains."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.valley.posterior import Valley, optima
from analysis.law import Law, fit
from analysis.suggest import order
from analysis.suggest.cells import Cells
from analysis.suggest.ladder import table_cells
from analysis.suggest.order import Order, _grow, choose, expected, expected_last
from analysis.suggest.records import Target, Why
from tests.unit.analysis.law_tables import table
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


def test_a_target_is_not_taken_for_reached_by_budgets_that_are_not_there_yet() -> None:
    """Three budgets limit a loss far above them, and the order is chosen as if there were five."""
    few = table(budgets=(1e18, 3e18, 1e19), noise=0.005)
    law = fit(few, holdout=False)
    assert law.valley is not None
    cells = table_cells(few, law, 1e21).ordered()
    begun = expected(law.valley, cells, 1e21, choose(law.valley, cells, 1e21, cells.flops, 2e19, Target()))[-1]
    for share in (0.9, 0.5, 0.2):
        target = Target(loss=share * begun.loss_half)
        steps = choose(law.valley, cells, 1e21, cells.flops, 1e22, target)
        assert target.reached(expected(law.valley, cells, 1e21, steps)[-1])


def test_the_last_of_what_is_expected_alone_is_the_same(valley: Valley, cells: Cells) -> None:
    steps = choose(valley, cells, ASKED, cells.flops, 2e20, Target())
    last, alone = expected(valley, cells, ASKED, steps)[-1], expected_last(valley, cells, ASKED, steps)
    assert alone.loss_half == pytest.approx(last.loss_half) and alone.log_params_half == pytest.approx(
        last.log_params_half
    )

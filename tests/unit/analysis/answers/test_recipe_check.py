"""The check of a recipe: when a cell passes, fails or is open, and what a failure does to a law."""

from __future__ import annotations

import math

import pytest

from analysis.answers.recipe_check import LEAST_GAP, SEED_SIGMAS, Trial, judge, with_check
from analysis.law import fit
from tests.unit.analysis.law_tables import table


def trials(rule: float | None, *others: float | None, flops: float = 1e18, place: str = "centre") -> list[Trial]:
    cell = (flops, 1e8, place)
    return [Trial(*cell, 1.0, 1.0, rule), *(Trial(*cell, 4.0, 2.0**i, loss) for i, loss in enumerate(others))]


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [
        ((3.0, 3.1, 3.2), "passes"),
        ((3.0, 2.99, 3.2), "passes"),
        ((3.0, 2.975, 3.2), "fails"),
        ((3.0, 2.9, None), "fails"),
        ((3.0, 3.1, None), "open"),
        ((None, 3.1, 3.2), "open"),
        ((3.0, math.inf, math.inf), "passes"),
        ((math.inf, 3.0, 3.1), "fails"),
    ],
)
def test_a_cell_is_judged_by_its_best_run(losses: tuple[float | None, ...], verdict: str) -> None:
    (cell,) = judge(trials(*losses), None)
    assert cell.verdict == verdict
    assert (cell.runs, cell.trained) == (3, sum(loss is not None for loss in losses))


def test_what_beats_the_rule_is_named_and_the_threshold_is_that_of_the_noise() -> None:
    (cell,) = judge(trials(3.0, 2.9, 2.8), 0.06)
    assert (cell.best_batch, cell.best_lr, cell.best_loss, cell.rule_loss) == (4.0, 2.0, 2.8, 3.0)
    assert cell.gap == pytest.approx(0.2) and cell.threshold == pytest.approx(SEED_SIGMAS * 0.06)
    assert judge(trials(3.0), 0.0)[0].threshold == judge(trials(3.0), None)[0].threshold == LEAST_GAP == 0.02
    assert judge(trials(3.0, 2.9), 0.051)[0].verdict == "passes"
    assert judge(trials(3.0, 2.9), 0.049)[0].verdict == "fails"


def test_cells_come_by_budget_and_size() -> None:
    found = judge([*trials(3.0, flops=1e20), *trials(3.0), *trials(3.0, place="left end")], None)
    assert [(cell.flops, cell.place) for cell in found] == [(1e18, "centre"), (1e18, "left end"), (1e20, "centre")]


def test_a_failure_flags_its_curve_and_warns_once_a_budget() -> None:
    law = fit(table(seed=1, repeats=3), holdout=False)
    first, last = law.smallest_budget, law.largest_budget
    failing = [*trials(3.5, 3.4, flops=first), *trials(3.5, 3.3, flops=first, place="left end")]
    failing += trials(3.0, 3.0, flops=last)
    checked = with_check(law, failing)
    assert len(checked.recipe_check) == 3
    assert [len(curve.flags) for curve in checked.curves] == [2, 0, 0, 0, 0]
    assert (
        checked.curves[0]
        .flags[0]
        .startswith(
            "Recipe check fails at the centre, N 100 M: 0.100 above batch ×4 with learning rate ×1, where 0.020"
        )
    )
    (warning,) = checked.warnings[len(law.warnings) :]
    assert "At 10¹⁸ FLOPs" in warning and "the centre by 0.100 and the left end by 0.200" in warning
    assert with_check(law, trials(3.0, 3.1)).warnings == law.warnings

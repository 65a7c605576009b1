"""Rolling hold-out: how many fits it may cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.fitting.cost import TokenCost
from analysis.fitting.holdout import MOST_BUDGETS, rolling_holdout, truth_of
from analysis.fitting.isoflop import fit_budget
from analysis.law import Law
from analysis.law import fit as fit_law
from analysis.names import EstimatorName
from analysis.records import Curve, LawError, Minimum
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import table


def test_of_many_budgets_only_so_many_are_held_out() -> None:
    flops = np.repeat(np.geomspace(1e18, 1e21, 60), 5)
    params = np.sqrt(flops / 120) * np.tile(np.geomspace(0.25, 4, 5), 60)
    loss = 3 + 0.1 * np.log(params / np.sqrt(flops / 120)) ** 2 - 0.1 * np.log(flops / 1e18)
    table = RunTable.from_frame(pd.DataFrame({"flops": flops, "params": params, "loss": loss}))
    rows = [table.budget == budget for budget in range(60)]
    curves = [
        fit_budget(float(table.budgets[b]), table.params[at], table.tokens[at], table.loss[at]).record(
            TokenCost.constant(6.0), 0.01
        )
        for b, at in enumerate(rows)
    ]
    trained: list[int] = []

    def fit(earlier: RunTable) -> None:
        trained.append(len(earlier.budgets))
        raise LawError("not needed")

    assert rolling_holdout(table, curves, fit) == ()
    assert len(trained) == MOST_BUDGETS - 3
    assert trained == sorted(trained) and trained[0] >= 3 and trained[-1] == 59


def test_the_truth_is_the_median_of_the_lines_and_needs_two() -> None:
    def curve(*minima: tuple[EstimatorName, float, float]) -> Curve:
        found = tuple(Minimum(name, params, 1e9, loss, 0.1, 0.01) for name, params, loss in minima)
        return Curve(1e18, (1e8,), (1e9,), (3.0,), found)

    three = curve((EstimatorName.PARABOLA, 1e8, 3.0), (EstimatorName.CUBIC, 4e8, 3.3), (EstimatorName.AKIMA, 2e8, 3.1))
    assert truth_of(three) == (pytest.approx(2e8), pytest.approx(3.1))
    two = curve((EstimatorName.PARABOLA, 1e8, 3.0), (EstimatorName.CUBIC, 4e8, 3.3))
    assert truth_of(two) == (pytest.approx(2e8), pytest.approx(3.15))
    local = curve((EstimatorName.CUBIC, 1e8, 3.0), (EstimatorName.PARABOLA_NEAR_MINIMUM, 4e8, 3.3))
    assert truth_of(local) is None and truth_of(curve()) is None


def test_three_budgets_train_before_one_is_predicted() -> None:
    runs = table(seed=1)
    law = fit_law(runs, holdout=False)
    trained: list[list[float]] = []

    def fit(earlier: RunTable) -> Law:
        trained.append(earlier.budgets.tolist())
        return fit_law(earlier, holdout=False)

    records = rolling_holdout(runs, law.curves, fit)
    assert [len(budgets) for budgets in trained] == [3, 4]
    assert [(len(trained[0]), r.flops) for r in records] == [
        (3, pytest.approx(3e19)),
        (3, pytest.approx(1e20)),
        (3, pytest.approx(1e20)),
    ]
    without = tuple(replace(curve, minima=()) if i == 3 else curve for i, curve in enumerate(law.curves))
    assert [r.flops for r in rolling_holdout(runs, without, fit)] == [pytest.approx(1e20)]


def test_a_budget_that_cannot_be_predicted_leaves_no_record() -> None:
    def fit(earlier: RunTable) -> Law:
        raise LawError("none")

    runs = table(seed=1)
    assert rolling_holdout(runs, fit_law(runs, holdout=False).curves, fit) == ()

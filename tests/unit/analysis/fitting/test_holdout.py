"""Rolling hold-out: how many fits it may cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.fitting import holdout
from analysis.fitting.cost import TokenCost
from analysis.fitting.holdout import MOST_BUDGETS, rolling_holdout, truth_of
from analysis.fitting.isoflop import fit_budget
from analysis.law import Law
from analysis.law import fit as fit_law
from analysis.names import EstimatorName
from analysis.records import Curve, LawError, Minimum
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import table


@pytest.mark.parametrize(
    ("sizes", "most_rows", "held_out"),
    [(5, 6_000, MOST_BUDGETS), (10, 6_000, 10), (11, 6_000, 9), (5, 1, 5), (5, 1_500, 5), (5, 1_800, 6)],
)
def test_of_many_budgets_or_rows_only_so_many_are_held_out(
    sizes: int, most_rows: int, held_out: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdout, "MOST_ROWS", most_rows)
    flops = np.repeat(np.geomspace(1e18, 1e21, 60), sizes)
    params = np.sqrt(flops / 120) * np.tile(np.geomspace(0.25, 4, sizes), 60)
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
    assert trained == [round(at * 59 / (held_out - 1)) for at in range(3, held_out)], "evenly spread, to the last"


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

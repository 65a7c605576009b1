"""Rolling hold-out: how many fits it may cost, and when a forecast held."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.fitting import holdout
from analysis.fitting.holdout import MOST_BUDGETS, rolling_holdout, untested_sentence
from analysis.law import Law
from analysis.law import fit as fit_law
from analysis.records import LawError
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import sweep, table


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
    trained: list[int] = []

    def fit(earlier: RunTable) -> None:
        trained.append(len(earlier.budgets))
        raise LawError("not needed")

    assert rolling_holdout(table, fit) == ()
    assert trained == [round(at * 59 / (held_out - 1)) for at in range(3, held_out)], "evenly spread, to the last"


@pytest.mark.parametrize(
    ("truth", "error", "inside"),
    [
        (3.0, 0.0, True),
        (3.19, 0.0, True),
        (3.21, 0.0, False),
        (2.91, 0.0, True),
        (2.89, 0.0, False),
        (2.89, 0.03, True),
    ],
)
def test_a_truth_is_held_by_the_half_on_its_side_with_its_own_error(truth: float, error: float, inside: bool) -> None:
    assert holdout.covered(truth, error, 3.0, 2.9, 3.2) is inside


def test_the_errors_of_forecast_and_truth_add_in_quadrature() -> None:
    half = np.hypot(0.3, 1.96 * 0.2)
    assert holdout.covered(3.0 + half - 1e-9, 0.2, 3.0, 2.7, 3.3)
    assert not holdout.covered(3.0 + half + 1e-9, 0.2, 3.0, 2.7, 3.3)


def test_three_budgets_train_before_one_is_predicted() -> None:
    runs = table(seed=1)
    trained: list[list[float]] = []

    def fit(earlier: RunTable) -> Law:
        trained.append(earlier.budgets.tolist())
        return fit_law(earlier, holdout=False)

    records = rolling_holdout(runs, fit)
    assert [len(budgets) for budgets in trained] == [3, 4]
    assert [(len(trained[0]), r.flops) for r in records] == [
        (3, pytest.approx(3e19)),
        (3, pytest.approx(1e20)),
        (3, pytest.approx(1e20)),
    ]
    few = runs.select((runs.budget != 3) | (np.arange(len(runs)) % 2 == 0))
    assert [r.flops for r in rolling_holdout(few, fit)] == [pytest.approx(1e20)], "four sizes have no minimum"


def test_a_budget_that_cannot_be_predicted_leaves_no_record() -> None:
    def fit(earlier: RunTable) -> Law:
        raise LawError("none")

    runs = table(seed=1)
    assert rolling_holdout(runs, fit) == ()


def test_without_a_record_the_budgets_that_test_nothing_are_named_with_their_reason() -> None:
    frame = sweep(noise=0.0)
    flat, few = frame.flops == 3e19, (frame.flops == 1e20) & (frame.groupby("flops").cumcount() > 3)
    frame.loc[flat, "loss"] = 2.5 + 1e-4 * np.arange(flat.sum()) ** 2
    law = fit_law(RunTable.from_frame(frame[~few].iloc[7:]))
    assert law.holdout == ()
    sentence = untested_sentence(law.curves)
    assert sentence == (
        "no budget could be forecast from the smaller ones: that takes at least 4 budgets whose minimum the runs near "
        "the lowest loss determine, and 2 of 4 are such (3×10¹⁹ FLOPs: a minimum by fewer than two of parabola, cubic "
        "and spline; 10²⁰ FLOPs: fewer than 5 sizes). Add sizes near the lowest loss there, or repeat runs"
    )
    assert untested_sentence(law.curves[:3]).endswith("at least 4 budgets with a minimum; there are 3 budgets")


def test_minima_that_are_known_blame_the_laws_of_the_smaller_budgets() -> None:
    curves = fit_law(table(noise=0.0), holdout=False).curves
    assert "these alone give no law that reaches it" in untested_sentence(curves)


def test_a_minimum_that_noise_hides_is_called_so() -> None:
    noisy = fit_law(table(noise=0.06, span=3.0), holdout=False).curves
    assert "FLOPs: a minimum whose N is not known to a factor of two" in untested_sentence(noisy)

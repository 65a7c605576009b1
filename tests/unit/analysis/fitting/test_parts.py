"""Parts of a law: outliers, levelling to the budget, refusals before a fit, and what is warned of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.fitting.cost import TokenCost
from analysis.fitting.parts import FEWEST_RUNS, Parts, fit_parts
from analysis.refusals import NoMinimum, Reason, Refusal, SizesTooAlike, TooFewBudgets, TooFewRuns
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import hoffmann, sweep, table

COST = TokenCost.constant(6)


def parts_of(data: pd.DataFrame) -> Parts:
    return fit_parts(RunTable.from_frame(data), COST)


def test_every_estimator_answers_on_a_healthy_table() -> None:
    found = fit_parts(table(seed=1), COST)
    names = [estimator.kind.name for estimator in found.estimators]
    assert names == [
        *("additive", "skaling", "joint_skew", "joint_skew_bent"),
        *("parabola", "cubic", "akima", "additive_huber"),
    ]
    assert not found.refusals and not found.warnings
    assert [surface.name for surface in found.surfaces] == [*names[:4], "additive_huber"]
    assert len(found.uncertainty.total) == sum(len(estimator.theta) for estimator in found.estimators)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda d: d[d.flops <= 3e18], TooFewBudgets(2, 3)),
        (lambda d: d.groupby("flops").head(2), TooFewRuns(10, FEWEST_RUNS)),
        (
            lambda d: pd.concat([d.groupby("flops").nth([2, 3]).assign(params=s * 3e8, seed=s) for s in (1, 2)]),
            SizesTooAlike(),
        ),
        (lambda d: d.assign(loss=3 - 0.05 * np.log(d.params)), NoMinimum((Reason.EDGE_MINIMUM, Reason.NO_CURVATURE))),
    ],
    ids=["budgets", "runs", "sizes", "minima"],
)
def test_what_cannot_be_fitted_is_refused_for_every_surface_and_line(change, refusal: Refusal) -> None:  # type: ignore[no-untyped-def]
    data = change(sweep(noise=0.0))
    data = data.assign(tokens=data.flops / 6 / data.params)
    found = parts_of(data)
    assert set(found.refusals.values()) == {refusal}
    assert set(found.refusals) == {
        *("additive", "skaling", "joint_skew", "joint_skew_bent"),
        *("parabola", "cubic", "akima"),
    }
    assert found.estimators == () and found.surfaces == ()


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [((10,), "1 run is too far from every surface for a budget's curve: r10."), ((10, 31), "2 runs are too far")],
)
def test_a_gross_outlier_is_named_and_leaves_its_curve(rows: tuple[int, ...], sentence: str) -> None:
    data = sweep(seed=2).assign(run=[f"r{i}" for i in range(35)])
    clean = parts_of(data)
    data.loc[list(rows), "loss"] += 1.0
    found = parts_of(data)
    assert any(sentence in w for w in found.warnings)
    assert [len(curve.params) for curve in found.curves] == [7, 6, 7, 7, 8 - len(rows)]
    assert found.curves[1].minima[1].params == pytest.approx(clean.curves[1].minima[1].params, rel=0.1)


def test_a_budget_with_many_outliers_keeps_its_runs() -> None:
    data = sweep(seed=2)
    data.loc[[7, 9, 11], "loss"] += np.array([1.0, -0.5, 1.0])
    assert [len(curve.params) for curve in parts_of(data).curves] == [7, 7, 7, 7, 7]


def test_runs_that_miss_their_budget_are_levelled_to_it() -> None:
    """The losses of runs at 0.8 to 1.25 times their budget; the curve's optimum is that of the budget itself."""
    exact = sweep(noise=0.0)
    factor = np.tile([0.8, 1.25, 0.9, 1.1, 1.2, 0.85, 1.0], 5)
    data = exact.assign(budget=exact.flops, flops=exact.flops * factor, tokens=exact.tokens * factor)
    data["loss"] = hoffmann(data.params.to_numpy(), data.tokens.to_numpy())
    found, truth = parts_of(data), parts_of(exact)
    for curve, own in zip(found.curves, truth.curves, strict=True):
        assert curve.minima[1].params == pytest.approx(own.minima[1].params, rel=0.02)
        assert curve.minima[1].loss == pytest.approx(own.minima[1].loss, abs=2e-3)
        assert curve.losses != own.losses, "the losses shown are those measured"


def test_a_rejected_surface_is_kept_inflated_and_warned_of() -> None:
    data = sweep(noise=0.0005, seed=4)
    u = np.log(data.params) - 0.6 * np.log(data.flops)
    data["loss"] = (
        2 + 0.05 * (u - u.mean()) ** 2 - 0.1 * np.log(data.flops / 1e18) + (data.loss - data.loss.mean()) * 0.02
    )
    found = parts_of(data)
    tests = {surface.name: surface.lack_of_fit for surface in found.surfaces}
    assert tests["additive"] is not None and tests["additive"].p < 0.01 and tests["additive_huber"] is None
    additive = next(e for e in found.estimators if e.kind.name == "additive")
    assert additive.inflation == pytest.approx(np.sqrt(tests["additive"].f))
    assert additive.note.startswith("lack of fit (F = ")
    assert any(w.startswith("Lack of fit rejects additive") for w in found.warnings)


def test_only_the_first_eight_refused_budgets_are_listed() -> None:
    data = sweep(budgets=tuple(np.geomspace(1e18, 1e21, 12)), off_centre=6.0, seed=1)
    refused = [w for w in parts_of(data).warnings if "FLOPs refused:" in w]
    assert len(refused) == 8
    assert "4 further budgets have refusals." in parts_of(data).warnings

"""Rolling forecasts of a made sweep: which, by whom, against what; refusals are rows, too."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from analysis.fitting.cost import TokenCost
from analysis.fitting.holdout import FAR
from analysis.law import fit
from analysis.records import LawError
from benchmarks.holdout.baselines import BASELINES
from benchmarks.holdout.rolling import forecast_budgets, own_shares
from benchmarks.holdout.rows import HEADLINE
from benchmarks.holdout.sets import Cut, load
from tests.unit.analysis.law_tables import best, hoffmann, sweep
from tests.unit.benchmarks.holdout.made import BUDGETS, saved


def test_every_method_forecasts_every_later_budget_once(tmp_path: Path) -> None:
    rows = [row for row in forecast_budgets(saved(tmp_path), Cut(3, 3), 30, False) if row.kind == "budget"]
    assert Counter((row.method, row.quantity) for row in rows) == {
        (method, quantity): 2 for method in (HEADLINE, *BASELINES) for quantity in ("params", "loss")
    }
    assert {f"{row.trained_to:.6g} to {row.flops:.6g}: {row.factor:.6g}" for row in rows} == {
        "1e+19 to 3e+19: 3",
        "1e+19 to 1e+20: 10",
    }


def test_truths_are_minima_of_the_later_curve_and_forecasts_are_near(tmp_path: Path) -> None:
    for row in forecast_budgets(saved(tmp_path), Cut(4, 4), 30, False):
        if row.kind == "budget":
            params, loss = best(hoffmann, row.flops, TokenCost.constant(6.0))
            assert row.truth == pytest.approx(np.log(params) if row.quantity == "params" else loss, abs=0.1)
            assert row.estimate == pytest.approx(row.truth, abs=0.4)
            assert row.truth_error > 0


def test_no_forecast_reaches_beyond_the_limit_and_training_runs_lie_below(tmp_path: Path) -> None:
    rows = forecast_budgets(saved(tmp_path), Cut(3, 3), 5, False)
    assert {f"{row.flops:.6g}" for row in rows if row.kind == "budget"} == {"3e+19"}


def test_later_runs_are_not_trained_on(tmp_path: Path) -> None:
    """Other losses at the largest budget leave every forecast as it was."""
    frame = sweep(budgets=BUDGETS, noise=0.002)
    found = []
    for name, gap in (("made.csv", 0.0), ("other.csv", 0.05)):
        path = tmp_path / name
        frame.assign(loss=frame.loss + gap * (frame.flops > 9e19)).to_csv(path, index=False)
        rows = [row for row in forecast_budgets(path, Cut(4, 4), 30, False) if row.kind == "budget"]
        found.append({(row.method, row.quantity): (row.truth, row.estimate) for row in rows})
    assert {key: pair[1] for key, pair in found[0].items()} == {key: pair[1] for key, pair in found[1].items()}
    assert found[1][HEADLINE, "loss"][0] == pytest.approx(found[0][HEADLINE, "loss"][0] + 0.05, abs=1e-6)


def test_the_width_at_three_times_is_noted_without_a_truth(tmp_path: Path) -> None:
    wide = [row for row in forecast_budgets(saved(tmp_path), Cut(4, 4), 30, False) if row.kind == "width"]
    assert [(row.quantity, row.factor) for row in wide] == [("params", pytest.approx(3)), ("loss", pytest.approx(3))]
    assert all(np.isnan(row.truth) and row.low < row.estimate < row.high for row in wide)


def test_a_refusal_is_a_row_that_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, flops: float) -> None:
        raise LawError("too far")

    monkeypatch.setattr("analysis.law.Law.predict", refuse)
    rows = [row for row in forecast_budgets(saved(tmp_path), Cut(4, 4), 30, False) if row.method == HEADLINE]
    assert {row.refused for row in rows} == {"too far"}
    assert all(np.isnan(row.estimate) for row in rows)


def test_the_fit_may_test_itself(tmp_path: Path) -> None:
    law = fit(load(saved(tmp_path)).table)
    records = [record for record in law.holdout if record.extrapolation >= FAR]
    assert len(records) == 3
    assert own_shares(law)[0] == pytest.approx(np.mean([record.params_covered for record in records]))
    assert np.isnan(own_shares(fit(load(saved(tmp_path)).table, holdout=False))).all()
    rows = forecast_budgets(saved(tmp_path, budgets=(1e18, 3e18, 1e19, 3e19, 1e20, 3e20)), Cut(5, 5), 30, True)
    assert all(0 <= row.own_holdout <= 1 for row in rows if row.method == HEADLINE)

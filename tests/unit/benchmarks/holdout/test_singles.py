"""Single runs: folds, that a run is not in the fit that forecasts it, validation runs, and whose interval counts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analysis.records import Interval
from benchmarks.holdout import singles
from benchmarks.holdout.sets import Cut
from benchmarks.holdout.singles import FOLDS, beyond, folds, inside, validation
from tests.unit.analysis.law_tables import sweep
from tests.unit.benchmarks.holdout.made import BUDGETS, saved


def test_folds_of_a_large_table_each_span_all_budgets() -> None:
    budget = np.repeat(np.arange(5), 20)
    fold = folds(budget, np.tile(np.geomspace(1e6, 1e8, 20), 5))
    assert np.bincount(fold).tolist() == [10] * FOLDS
    assert all(set(budget[fold == part]) == set(range(5)) for part in range(FOLDS))


def test_a_small_table_is_left_out_one_by_one() -> None:
    assert sorted(folds(np.repeat(np.arange(3), 7), np.arange(21.0))) == list(range(21))


def test_a_left_out_run_is_forecast_without_it(tmp_path: Path) -> None:
    first = inside(saved(tmp_path), 17, False)
    frame = pd.read_csv(tmp_path / "made.csv")
    frame.loc[(frame.params == first[0].params) & (frame.flops == first[0].flops), "loss"] += 0.2
    frame.to_csv(tmp_path / "other.csv", index=False)
    second = inside(tmp_path / "other.csv", 17, False)
    assert len(first) == len(second) == 1
    assert second[0].truth == pytest.approx(first[0].truth + 0.2)
    assert second[0].estimate == pytest.approx(first[0].estimate, abs=1e-9)
    assert first[0].estimate == pytest.approx(first[0].truth, abs=0.02)
    assert (first[0].kind, first[0].factor) == ("inside", 1.0)


def test_runs_beyond_are_those_of_later_budgets_within_the_limit(tmp_path: Path) -> None:
    path = saved(tmp_path)
    assert len(beyond(path, Cut(3, 3), 30, False)) == 14
    near = beyond(path, Cut(3, 3), 5, False)
    assert {row.flops for row in near} == {3e19}
    assert {(row.kind, round(row.trained_to / 1e16), row.budgets) for row in near} == {("beyond", 1000, 3)}
    assert len({row.run for row in near}) == 7


def test_validation_runs_are_forecast_by_all_the_others(tmp_path: Path) -> None:
    frame = sweep(budgets=BUDGETS, noise=0.002).assign(role="grid")
    extra = frame.iloc[[3, 31]].assign(role="validation", params=lambda rows: rows.params * 1.1)
    extra.loc[31, "flops"] = 4e20
    extra["tokens"] = extra.flops / 6 / extra.params
    pd.concat([frame, extra]).to_csv(tmp_path / "made.csv", index=False)
    rows = validation(tmp_path / "made.csv", False)
    assert [(row.kind, row.run[:10], row.truth) for row in rows] == [
        ("inside", "validation", pytest.approx(frame.loss[3])),
        ("beyond", "validation", pytest.approx(frame.loss[31])),
    ]


@pytest.mark.parametrize(("of_run", "ends"), [(Interval(2.0, 4.0), (2.0, 4.0)), (None, (2.9, 3.1))])
def test_the_interval_of_a_run_counts_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of_run: Interval | None, ends: tuple[float, float]
) -> None:
    answer = SimpleNamespace(loss=3.0, loss_interval=Interval(2.9, 3.1), run_interval=of_run)
    monkeypatch.setattr(singles, "given_size", lambda *_: answer)
    row = inside(saved(tmp_path), 17, False)[0]
    assert (row.low, row.high) == ends


def test_a_size_out_of_reach_is_a_refusal(tmp_path: Path) -> None:
    frame = sweep(budgets=BUDGETS, noise=0.002).assign(role="grid")
    extra = frame.iloc[[3]].assign(role="validation", params=1e3)
    extra["tokens"] = extra.flops / 6 / extra.params
    pd.concat([frame, extra]).to_csv(tmp_path / "made.csv", index=False)
    (row,) = validation(tmp_path / "made.csv", False)
    assert np.isnan(row.estimate)
    assert "times below" in row.refused

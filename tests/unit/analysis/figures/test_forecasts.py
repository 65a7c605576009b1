"""The forecast record: what was predicted before a run, with its interval, against what the run reached."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from analysis.answers.serial import prediction_json
from analysis.figures.forecasts import Forecast, forecast_panel, forecast_record
from analysis.law import Law
from analysis.records import Interval, QuestionError
from tests.unit.analysis.figures.specs import marks, notes, rows_of


def test_forecasts_are_marked_by_what_they_reached(forecasts: tuple[Forecast, ...]) -> None:
    spec = forecast_record(forecasts, "lab").to_dict()
    rows = {row["factor"].split()[0]: row for row in rows_of(spec, "rule", "interval")}
    assert list(rows) == ["×3", "×10", "×30"]
    assert [row["verdict"] for row in rows.values()] == ["waiting", "inside", "outside"]
    assert rows["×3"]["error"] is None
    assert (rows["×30"]["low"], rows["×30"]["high"], rows["×30"]["error"]) == pytest.approx((-0.1, 0.1, -0.15))
    reached = next(layer for layer in marks(spec) if layer["mark"]["type"] == "point")
    shapes = reached["encoding"]["shape"]["scale"]
    assert shapes["domain"] == ["inside", "outside"] and len(set(shapes["range"])) == 2
    assert "color" not in reached["encoding"], "a colour would mean something else elsewhere"
    assert spec["title"]["text"] == "lab: forecast record"


def test_notes_count_only_what_there_is(forecasts: tuple[Forecast, ...]) -> None:
    inside, _, waiting = forecasts
    assert "1 of 2 inside; 1 not scored yet." in notes(forecast_record(forecasts).to_dict())
    assert "not reached" not in notes(forecast_record([inside]).to_dict())
    alone = notes(forecast_record([waiting]).to_dict())
    assert "inside" not in alone and "1 not scored yet." in alone


def test_it_reads_what_is_stored(fitted: Law) -> None:
    prediction = fitted.predict(3e13)
    record = SimpleNamespace(made_at=1e9, flops=3e13, loss=None, prediction=prediction_json(prediction))
    stored = Forecast.of(record)
    assert (stored.loss, stored.interval, stored.verdict) == (prediction.loss, prediction.loss_interval, "waiting")
    assert stored.scored_by == prediction.run_interval and prediction.run_interval is not None
    low, high = prediction.run_interval.low, prediction.run_interval.high
    assert low < prediction.loss_interval.low < prediction.loss_interval.high < high
    assert Forecast.of(SimpleNamespace(**vars(record) | {"loss": high + 1e-6})).verdict == "outside"
    assert Forecast.of(SimpleNamespace(**vars(record) | {"loss": low})).verdict == "inside"
    assert not any(layer["mark"]["type"] == "point" for layer in marks(forecast_record([stored]).to_dict()))


@pytest.mark.parametrize("more", [{"run_interval": None}, {}])
def test_a_forecast_without_an_interval_of_one_run_is_held_against_that_of_the_mean(
    fitted: Law, forecasts: tuple[Forecast, ...], more: dict[str, None]
) -> None:
    old = prediction_json(fitted.predict(3e13))
    del old["run_interval"]
    high = old["loss_interval"][1]
    records = [SimpleNamespace(made_at=1e9, flops=3e13, loss=high + gap, prediction=old | more) for gap in (0, 1e-6)]
    assert [Forecast.of(record).verdict for record in records] == ["inside", "outside"]
    known = replace(forecasts[0], run_interval=Interval(2.7, 3.3))
    assert "have none" not in notes(forecast_record([known]).to_dict())
    said = notes(forecast_record([known, Forecast.of(records[0])]).to_dict())
    assert "1 of 2 have none; their bar is that of the mean of many runs." in said
    (row,) = rows_of(forecast_record([known]).to_dict(), "rule", "interval")
    assert (row["low"], row["high"]) == pytest.approx((-0.3, 0.3))
    assert row["range"] == "one run 2.700 to 3.300; mean of many 2.800 to 3.200"


def test_equal_forecasts_are_numbered(forecasts: tuple[Forecast, ...]) -> None:
    rows = rows_of(forecast_record([forecasts[0]] * 2).to_dict(), "rule", "interval")
    assert rows[1]["forecast"] == f"{rows[0]['forecast']} no. 2"


def test_without_a_forecast_the_way_to_one_is_said(forecasts: tuple[Forecast, ...]) -> None:
    with pytest.raises(QuestionError, match="isoflop validate"):
        forecast_record([])
    assert forecast_panel(forecasts, width=700).width == 700

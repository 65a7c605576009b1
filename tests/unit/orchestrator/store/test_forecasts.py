"""Forecasts and calibrations in the store."""

from __future__ import annotations

from orchestrator.store import (
    ForecastScore,
    Store,
)
from tests.unit.orchestrator.store_fixtures import (
    new_run,
    sweep_record,
)


def test_a_forecast_is_kept_once_and_scored(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    for _ in range(2):
        store.add_forecast(sweep.id, "run0", "law", 3e12, {"loss": 3.0, "loss_interval": [2.9, 3.1]})
    (forecast,) = store.forecasts_of(sweep.name)
    assert forecast.scored_at is None
    store.score_forecast(forecast.id, ForecastScore(3.2, 0.2, 4.2, inside=False))
    (forecast,) = store.forecasts_of(sweep.name)
    assert (forecast.loss, forecast.inside) == (3.2, False)
    assert (forecast.error, forecast.interval_score, forecast.law_id) == (0.2, 4.2, "law")
    assert forecast.scored_at is not None
    assert (forecast.run_id, forecast.flops, forecast.prediction["loss"]) == ("run0", 3e12, 3.0)


def test_forecasts_come_in_the_order_of_their_making(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0), new_run(1)])
    store.add_forecast(sweep.id, "run1", "law", 2e12, {})
    store.add_forecast(sweep.id, "run0", "law", 1e12, {})
    store.add_forecast(sweep.id, "run0", "other law", 1e12, {})
    found = [(forecast.run_id, forecast.law_id) for forecast in store.forecasts_of(sweep.name)]
    assert found == [("run1", "law"), ("run0", "law"), ("run0", "other law")]
    assert store.forecasts_of("another") == []


def test_the_forecasts_of_all_revisions_belong_to_a_sweep(store: Store) -> None:
    first = store.submit(sweep_record(revision="aaaa"), [new_run(0)])
    store.add_forecast(first.id, "run0", "law", 1e12, {})
    second = store.submit(sweep_record(revision="bbbb"), [new_run(0), new_run(1)])
    store.add_forecast(second.id, "run1", "law", 2e12, {})
    other = store.submit(sweep_record("other"), [new_run(1)])
    store.add_forecast(other.id, "run1", "its law", 2e12, {})
    assert [forecast.run_id for forecast in store.forecasts_of(first.name)] == ["run0", "run1"]


def test_the_first_calibration_of_a_machine_stays(store: Store) -> None:
    assert store.calibration("machine", "key") is None
    store.save_calibration("machine", "key", {"step_seconds": [1.0]})
    store.save_calibration("machine", "key", {"step_seconds": [2.0]})
    store.save_calibration("other", "key", {"step_seconds": [3.0]})
    assert store.calibration("machine", "key") == {"step_seconds": [1.0]}
    assert store.calibration("machine", "other") is None

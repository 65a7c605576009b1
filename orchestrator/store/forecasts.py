"""Forecasts and calibrations in the database."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, insert, select, update

import orchestrator.store.tables as t
from orchestrator.store.database import Database
from orchestrator.store.records import ForecastScore, StoredForecast


class Forecasts(Database):
    """The part of the store that knows forecasts and measurements of machines."""

    def add_forecast(self, sweep_id: int, run_id: str, law_id: str, flops: float, prediction: dict[str, Any]) -> None:
        """Store a law's prediction of a run before the run is trained; a second one by the same law is ignored."""
        key = (t.forecasts.c.run_id == run_id) & (t.forecasts.c.law_id == law_id)
        with self.writing() as db:
            if db.execute(select(t.forecasts.c.id).where(key)).first() is None:
                values = {"sweep_id": sweep_id, "run_id": run_id, "law_id": law_id, "flops": flops}
                db.execute(insert(t.forecasts).values(**values, made_at=self.now(db), prediction=prediction))

    def score_forecast(self, forecast_id: int, score: ForecastScore) -> None:
        """Record how a forecast came out."""
        values = asdict(score) | {"inside": int(score.inside)}
        with self.writing() as db:
            row = update(t.forecasts).where(t.forecasts.c.id == forecast_id)
            db.execute(row.values(**values, scored_at=self.now(db)))

    def forecasts_of(self, name: str) -> list[StoredForecast]:
        """The forecasts of all revisions of a sweep, in the order in which they were made."""
        revisions = select(t.sweeps.c.id).where(t.sweeps.c.name == name)
        query = select(t.forecasts).where(t.forecasts.c.sweep_id.in_(revisions)).order_by(t.forecasts.c.id)
        with self.reading() as db:
            return [_forecast(row) for row in db.execute(query)]

    def calibration(self, machine: str, key: str) -> dict[str, Any] | None:
        """A stored measurement of a machine, as `save_calibration` got it; None if there is none."""
        condition = (t.calibrations.c.machine == machine) & (t.calibrations.c.key == key)
        with self.reading() as db:
            data: dict[str, Any] | None = db.execute(select(t.calibrations.c.data).where(condition)).scalar()
        return data

    def calibrations(self, machine: str) -> list[dict[str, Any]]:
        """All stored measurements of a machine, as `save_calibration` got them."""
        with self.reading() as db:
            query = select(t.calibrations.c.data).where(t.calibrations.c.machine == machine)
            return list(db.execute(query.order_by(t.calibrations.c.key)).scalars())

    def save_calibration(self, machine: str, key: str, data: dict[str, Any]) -> None:
        """Store a measurement of a machine; the first one stays."""
        condition = (t.calibrations.c.machine == machine) & (t.calibrations.c.key == key)
        with self.writing() as db:
            if db.execute(select(t.calibrations.c.key).where(condition)).first() is None:
                values = {"machine": machine, "key": key, "measured_at": self.now(db), "data": data}
                db.execute(insert(t.calibrations).values(**values))


def _forecast(row: Row[*tuple[Any, ...]]) -> StoredForecast:
    """A row of `forecasts` as a record."""
    values = dict(row._mapping)
    values["inside"] = None if values["inside"] is None else bool(values["inside"])
    return StoredForecast(**values)

"""All SQL: the truth about sweeps, runs, attempts and forecasts, on SQLite or PostgreSQL."""

from __future__ import annotations

from orchestrator.store.drivers import Drivers
from orchestrator.store.forecasts import Forecasts
from orchestrator.store.records import (
    CeilingExceeded,
    DriverRecord,
    ForecastScore,
    LeaseHeld,
    LeaseLost,
    NewRun,
    RunRecord,
    StaleAttempt,
    StoreError,
    SweepRecord,
    Unavailable,
    Usage,
)
from orchestrator.store.runs import Runs
from orchestrator.store.sweeps import Sweeps

__all__ = [
    "CeilingExceeded",
    "DriverRecord",
    "ForecastScore",
    "LeaseHeld",
    "LeaseLost",
    "NewRun",
    "RunRecord",
    "StaleAttempt",
    "Store",
    "StoreError",
    "SweepRecord",
    "Unavailable",
    "Usage",
]


class Store(Sweeps, Runs, Drivers, Forecasts):
    """The database behind one URL. Only the scheduler moves runs into and out of training; the rest asks."""

"""All SQL: the truth about sweeps, runs, attempts and forecasts, on SQLite or PostgreSQL."""

from __future__ import annotations

from orchestrator.store.claims import Attempts
from orchestrator.store.drivers import Drivers
from orchestrator.store.forecasts import Forecasts
from orchestrator.store.records import (
    AttemptRecord,
    CeilingExceeded,
    DriverRecord,
    ForecastScore,
    LeaseHeld,
    LeaseLost,
    LostAttempts,
    NewRun,
    RunRecord,
    StaleAttempt,
    StateTotal,
    StoredForecast,
    StoreError,
    SweepRecord,
    Unavailable,
    Usage,
)
from orchestrator.store.runs import Runs
from orchestrator.store.sweeps import Sweeps

__all__ = [
    "AttemptRecord",
    "CeilingExceeded",
    "DriverRecord",
    "ForecastScore",
    "LeaseHeld",
    "LeaseLost",
    "LostAttempts",
    "NewRun",
    "RunRecord",
    "StaleAttempt",
    "StateTotal",
    "Store",
    "StoreError",
    "StoredForecast",
    "SweepRecord",
    "Unavailable",
    "Usage",
]


class Store(Sweeps, Runs, Attempts, Drivers, Forecasts):
    """The database at one URL. Only the scheduler moves runs into and out of training; everyone else asks."""

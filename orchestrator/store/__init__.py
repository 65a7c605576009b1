"""All SQL: the truth about sweeps, runs, attempts and forecasts, on SQLite or PostgreSQL."""

from __future__ import annotations

from orchestrator.store.accounts import AccountRecord, Accounts, Holder, NewToken, TokenRecord
from orchestrator.store.audit import Audit, AuditRecord
from orchestrator.store.boards import BoardRecord, Boards, EntryRecord
from orchestrator.store.changes import Changes
from orchestrator.store.claims import Attempts
from orchestrator.store.drivers import Drivers
from orchestrator.store.errors import (
    CeilingExceeded,
    Damaged,
    LeaseHeld,
    LeaseLost,
    QuotaReached,
    Rejected,
    StaleAttempt,
    StoreError,
    Unavailable,
)
from orchestrator.store.forecasts import Forecasts
from orchestrator.store.ledger import Entry, Ledger, LedgerLine
from orchestrator.store.records import (
    AttemptRecord,
    DriverRecord,
    ForecastScore,
    LostAttempts,
    NewRun,
    OpenCharge,
    RunRecord,
    StoredForecast,
    SweepRecord,
    Usage,
)
from orchestrator.store.rounds import Rounds
from orchestrator.store.runs import Runs
from orchestrator.store.sweeps import Sweeps
from orchestrator.store.totals import StateTotal, SweepTotals

__all__ = [
    "AccountRecord",
    "AttemptRecord",
    "AuditRecord",
    "BoardRecord",
    "CeilingExceeded",
    "Damaged",
    "DriverRecord",
    "Entry",
    "EntryRecord",
    "ForecastScore",
    "Holder",
    "LeaseHeld",
    "LeaseLost",
    "LedgerLine",
    "LostAttempts",
    "NewRun",
    "NewToken",
    "OpenCharge",
    "QuotaReached",
    "Rejected",
    "RunRecord",
    "StaleAttempt",
    "StateTotal",
    "Store",
    "StoreError",
    "StoredForecast",
    "SweepRecord",
    "SweepTotals",
    "TokenRecord",
    "Unavailable",
    "Usage",
]


class Store(Changes, Sweeps, Rounds, Runs, Attempts, Drivers, Forecasts, Accounts, Audit, Ledger, Boards):
    """The database at one URL. Only the scheduler moves runs into and out of training; everyone else asks."""

"""Drivers in the database: the one scheduler's lease, its fencing token, and what dead drivers left behind."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row, insert, select, update

import orchestrator.store.tables as t
from orchestrator.attempts import LEASE_SECONDS, ProcessRecord
from orchestrator.store.database import Database, new_id
from orchestrator.store.errors import LeaseHeld, LeaseLost
from orchestrator.store.records import DriverRecord

REQUESTS = select(t.scheduler.c.requests)
"""Built once: each step of the scheduler runs it."""


class Drivers(Database):
    """The part of the store that knows who schedules."""

    def start_driver(
        self,
        boot_id: str,
        processes: Sequence[ProcessRecord],
        folder: str,
        alive: Callable[[DriverRecord], bool] = lambda _: False,
    ) -> int:
        """Take the scheduler's lease and record the process that holds it; its id is the fencing token.

        A holder of this machine keeps the lease for as long as it is `alive`, one of another machine until the lease
        expires by the database's clock. Raises LeaseHeld.
        """
        with self.writing() as db:
            now = self.now(db)
            lease = db.execute(select(t.scheduler)).one()
            holder = db.execute(select(t.drivers).where(t.drivers.c.id == lease.driver_id)).first()
            if holder is not None and holder.ended_at is None:
                record = _driver(holder)
                if alive(record) if record.boot_id == boot_id else lease.expires_at > now:
                    raise LeaseHeld(_who(record, lease.expires_at - now, record.boot_id == boot_id))
            values = {"boot_id": boot_id, "processes": _rows(processes), "folder": folder, "host": platform.node()}
            driver = new_id(db.execute(insert(t.drivers).values(**values, started_at=now)))
            db.execute(update(t.scheduler).values(driver_id=driver, expires_at=now + LEASE_SECONDS))
        return driver

    def renew_lease(self, driver_id: int) -> None:
        """Say that the scheduler is alive. Raises LeaseLost when another took over."""
        with self.writing() as db:
            mine = update(t.scheduler).where(t.scheduler.c.driver_id == driver_id)
            if db.execute(mine.values(expires_at=self.now(db) + LEASE_SECONDS)).rowcount != 1:
                raise LeaseLost("another scheduler has taken over this database")

    def lease_holder(self) -> DriverRecord | None:
        """The scheduler whose lease has not expired by the database's clock; None for none."""
        with self.reading() as db:
            lease = db.execute(select(t.scheduler)).one()
            holder = db.execute(select(t.drivers).where(t.drivers.c.id == lease.driver_id)).first()
            return _driver(holder) if holder is not None and lease.expires_at > self.now(db) else None

    def requests(self) -> int:
        """A number that grows whenever a user asks for something."""
        with self.reading() as db:
            return int(db.execute(REQUESTS).scalar_one())

    def identity(self) -> str:
        """The unique name of this database."""
        with self.reading() as db:
            return str(db.execute(select(t.scheduler.c.identity)).scalar_one())

    def update_driver(self, driver_id: int, processes: Sequence[ProcessRecord], folder: str) -> None:
        """Record the present processes of a driver."""
        with self.writing() as db:
            mine = update(t.drivers).where(t.drivers.c.id == driver_id)
            db.execute(mine.values(processes=_rows(processes), folder=folder))

    def end_driver(self, driver_id: int) -> None:
        """Record that a driver left nothing behind, and give its lease back."""
        with self.writing() as db:
            db.execute(update(t.drivers).where(t.drivers.c.id == driver_id).values(ended_at=self.now(db)))
            db.execute(update(t.scheduler).where(t.scheduler.c.driver_id == driver_id).values(driver_id=None))

    def unended_drivers(self) -> list[DriverRecord]:
        """Drivers that did not record their end."""
        with self.reading() as db:
            return [_driver(r) for r in db.execute(select(t.drivers).where(t.drivers.c.ended_at.is_(None)))]


def _rows(processes: Sequence[ProcessRecord]) -> list[tuple[int, float, str]]:
    """Processes as they are stored: [id, creation time, name] of each."""
    return [(process.pid, process.created, process.name) for process in processes]


def _driver(row: Row[*tuple[Any, ...]]) -> DriverRecord:
    """A row of `drivers` as a record."""
    processes = tuple(ProcessRecord(pid, created, name) for pid, created, name in row.processes)
    return DriverRecord(row.id, row.boot_id, processes, row.folder, row.host)


def _who(holder: DriverRecord, seconds: float, same_boot: bool) -> str:
    """Who schedules already, and for how long that is believed of a machine that may be dead."""
    process = f"process {holder.processes[0].pid}" if holder.processes else "a process"
    rest = "" if same_boot else f"; if it is dead, its lease ends in {max(0.0, seconds):.0f} s"
    return f"{process} on {holder.host or 'another machine'} already schedules on this database{rest}"

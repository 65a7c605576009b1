"""All SQL: the truth about sweeps, runs, attempts and forecasts. Only the scheduler's process writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, Row, create_engine, event, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from orchestrator import tables as t
from orchestrator.states import Cause, Move, RunState, after, move_after_attempt


class StoreError(RuntimeError):
    """The database cannot do what was asked; the message says why."""


class NotFound(StoreError):
    """No such sweep or run."""


class StaleAttempt(StoreError):
    """The run moved on since this attempt began; its report is refused."""


@dataclass(frozen=True, slots=True)
class SweepRecord:
    """A revision of a sweep."""

    id: int
    name: str
    revision: str
    source: str
    """The sweep as canonical YAML."""
    dataset: str
    unique_tokens: int
    dropped: list[dict[str, Any]]
    warnings: list[str]
    submitted_at: float


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run, with its cell in the sweep it was read through where there is one."""

    id: str
    config: dict[str, Any]
    flops: float
    predicted_seconds: float | None
    state: RunState
    fence: int
    loss: float | None
    bits_per_byte: float | None
    seconds: float | None
    result: dict[str, Any] | None
    error: str | None
    device: str | None
    role: str = ""
    cell: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be stored with its cell."""

    id: str
    config: dict[str, Any]
    flops: float
    predicted_seconds: float | None
    cell: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended."""

    cause: Cause
    result: dict[str, Any] | None = None
    """The run's result when the cause is DONE."""
    detail: str = ""
    """Traceback or reason."""
    device: str | None = None


@dataclass(frozen=True, slots=True)
class ForecastScore:
    """How a forecast came out."""

    loss: float
    """Actual loss."""
    error: float
    """Actual minus predicted loss."""
    interval_score: float
    """Width plus 2/(1 - level) times the miss (Gneiting and Raftery 2007, section 6.2)."""
    inside: bool
    """Whether the interval held the actual loss."""


_RUN_COLUMNS = [c for c in t.runs.c if c.name != "finished_at"]


class Store:
    """The database behind one URL. Opening it brings the schema up to date."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        try:
            self.engine = _engine(url)
            _upgrade(self.engine)
        except (SQLAlchemyError, ImportError) as error:
            raise StoreError(f"the database {url.split('@')[-1]} cannot be opened: {error}") from error

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self.engine.execution_options(immediate=True).begin() as connection:
            yield connection

    # sweeps

    def submit(self, sweep: SweepRecord, runs: Sequence[NewRun]) -> SweepRecord:
        """Store a sweep's revision and those of its runs that are new; submitting it twice changes nothing.

        Equal runs are shared with other sweeps. The name then points at this revision.
        """
        with self._write() as db:
            key = (t.sweeps.c.name == sweep.name) & (t.sweeps.c.revision == sweep.revision)
            found = db.execute(select(t.sweeps.c.id).where(key)).scalar()
            if found is None:
                values = {f: getattr(sweep, f) for f in SweepRecord.__slots__ if f not in ("id", "submitted_at")}
                values["submitted_at"] = self._clock()
                found = _new_id(db.execute(insert(t.sweeps).values(**values)))
                self._add_runs(db, found, runs, "grid")
            else:
                db.execute(update(t.sweeps).where(key).values(submitted_at=self._clock()))
        return self.sweep_by_id(found)

    def add_run(self, sweep_id: int, run: NewRun, role: str) -> None:
        """Attach one more run to a sweep, such as a validation run."""
        with self._write() as db:
            self._add_runs(db, sweep_id, [run], role)

    def _add_runs(self, db: Connection, sweep_id: int, runs: Sequence[NewRun], role: str) -> None:
        known = set(db.execute(select(t.runs.c.id)).scalars())
        linked = set(db.execute(select(t.sweep_runs.c.run_id).where(t.sweep_runs.c.sweep_id == sweep_id)).scalars())
        fresh = [
            {
                "id": r.id,
                "config": r.config,
                "flops": r.flops,
                "predicted_seconds": r.predicted_seconds,
                "state": RunState.QUEUED,
                "fence": 0,
            }
            for r in runs
            if r.id not in known
        ]
        links = [
            {"sweep_id": sweep_id, "run_id": r.id, "position": len(linked) + i, "role": role, "cell": r.cell}
            for i, r in enumerate(runs)
            if r.id not in linked
        ]
        if fresh:
            db.execute(insert(t.runs), fresh)
        if links:
            db.execute(insert(t.sweep_runs), links)

    def sweep(self, name: str) -> SweepRecord:
        """The sweep of a handle: `name` is its latest revision, `name@revision` a given one (a prefix is enough).

        Raises NotFound.
        """
        base, _, revision = name.partition("@")
        query = select(t.sweeps).where(t.sweeps.c.name == base).order_by(t.sweeps.c.submitted_at.desc(), t.sweeps.c.id)
        if revision:
            query = query.where(t.sweeps.c.revision.startswith(revision, autoescape=True))
        with self.engine.connect() as db:
            row = db.execute(query.limit(1)).first()
        if row is None:
            known = ", ".join(sorted({s.name for s in self.sweeps()})) or "none yet"
            raise NotFound(f"there is no sweep {name!r}; known: {known}")
        return _sweep(row)

    def sweep_by_id(self, sweep_id: int) -> SweepRecord:
        """The sweep of a primary key."""
        with self.engine.connect() as db:
            return _sweep(db.execute(select(t.sweeps).where(t.sweeps.c.id == sweep_id)).one())

    def sweeps(self) -> list[SweepRecord]:
        """All revisions, the latest submission first."""
        with self.engine.connect() as db:
            return [_sweep(r) for r in db.execute(select(t.sweeps).order_by(t.sweeps.c.submitted_at.desc()))]

    def runs_of(self, sweep_id: int, role: str | None = None) -> list[RunRecord]:
        """A sweep's runs in the plan's order."""
        query = (
            select(*_RUN_COLUMNS, t.sweep_runs.c.role, t.sweep_runs.c.cell)
            .join(t.sweep_runs, t.sweep_runs.c.run_id == t.runs.c.id)
            .where(t.sweep_runs.c.sweep_id == sweep_id)
            .order_by(t.sweep_runs.c.role, t.sweep_runs.c.position)
        )
        if role is not None:
            query = query.where(t.sweep_runs.c.role == role)
        with self.engine.connect() as db:
            return [_run(r) for r in db.execute(query)]

    def state_counts(self, sweep_id: int) -> dict[RunState, int]:
        """Number of a sweep's runs in each state."""
        query = (
            select(t.runs.c.state, sa.func.count())
            .join(t.sweep_runs, t.sweep_runs.c.run_id == t.runs.c.id)
            .where(t.sweep_runs.c.sweep_id == sweep_id)
            .group_by(t.runs.c.state)
        )
        with self.engine.connect() as db:
            return {RunState(state): count for state, count in db.execute(query)}

    # runs

    def run(self, run_id: str) -> RunRecord:
        """One run.

        Raises NotFound.
        """
        with self.engine.connect() as db:
            row = db.execute(select(*_RUN_COLUMNS).where(t.runs.c.id == run_id)).first()
        if row is None:
            raise NotFound(f"there is no run {run_id!r}")
        return _run(row)

    def runs_in(self, *states: RunState) -> list[RunRecord]:
        """All runs in the given states."""
        with self.engine.connect() as db:
            return [_run(r) for r in db.execute(select(*_RUN_COLUMNS).where(t.runs.c.state.in_(states)))]

    def claim(self, run_id: str, fence: int, driver_id: int, worker: str) -> int:
        """Give a queued run to a worker and open its next attempt, whose number is returned.

        Raises StaleAttempt when the run is no longer queued under this fence.
        """
        with self._write() as db:
            self._move(db, run_id, fence, RunState.QUEUED, Move.CLAIM, {"fence": fence + 1})
            db.execute(
                insert(t.attempts).values(
                    run_id=run_id,
                    number=fence + 1,
                    driver_id=driver_id,
                    worker=worker,
                    started_at=self._clock(),
                )
            )
        return fence + 1

    def end_attempt(self, run_id: str, fence: int, outcome: Outcome) -> RunState:
        """Close an attempt and move its run on; the rule is `states.move_after_attempt`.

        Raises StaleAttempt when the attempt is not the run's running one.
        """
        with self._write() as db:
            earlier = db.execute(
                select(t.attempts.c.cause).where((t.attempts.c.run_id == run_id) & (t.attempts.c.number < fence))
            ).scalars()
            move = move_after_attempt(outcome.cause, [Cause(c) for c in earlier if c])
            values: dict[str, Any] = {}
            if move is Move.FINISH:
                result = outcome.result or {}
                values = {
                    "loss": result["loss"],
                    "bits_per_byte": result["bits_per_byte"],
                    "seconds": result["train_seconds"],
                    "result": result,
                    "device": outcome.device,
                    "error": None,
                }
            elif move in (Move.FAIL, Move.DIVERGE):
                values = {"error": outcome.detail}
            if move is not Move.REQUEUE:
                values["finished_at"] = self._clock()
            state = self._move(db, run_id, fence, RunState.RUNNING, move, values)
            db.execute(
                update(t.attempts)
                .where((t.attempts.c.run_id == run_id) & (t.attempts.c.number == fence))
                .values(ended_at=self._clock(), cause=outcome.cause, detail=outcome.detail)
            )
        return state

    def retry_failed(self, sweep_id: int) -> int:
        """Queue a sweep's failed runs once more; returns how many."""
        failed = [r for r in self.runs_of(sweep_id) if r.state is RunState.FAILED]
        with self._write() as db:
            for run in failed:
                self._move(db, run.id, run.fence, RunState.FAILED, Move.RETRY, {"error": None})
        return len(failed)

    def _move(
        self, db: Connection, run_id: str, fence: int, state: RunState, move: Move, values: dict[str, Any]
    ) -> RunState:
        """Compare-and-set: only a run in `state` under `fence` makes the move."""
        target = after(state, move)
        condition = (t.runs.c.id == run_id) & (t.runs.c.state == state) & (t.runs.c.fence == fence)
        new = {"state": target} | values
        if db.execute(update(t.runs).where(condition).values(**new)).rowcount != 1:
            raise StaleAttempt(f"run {run_id} is no longer {state} in attempt {fence}; {move} refused")
        return target

    # drivers

    def start_driver(self, boot_id: str, processes: list[list[Any]], folder: str) -> int:
        """Record a scheduling process and what it started."""
        with self._write() as db:
            row = insert(t.drivers).values(
                boot_id=boot_id, processes=processes, folder=folder, started_at=self._clock()
            )
            return _new_id(db.execute(row))

    def update_driver(self, driver_id: int, processes: list[list[Any]], folder: str) -> None:
        """Record further processes of a driver."""
        with self._write() as db:
            db.execute(update(t.drivers).where(t.drivers.c.id == driver_id).values(processes=processes, folder=folder))

    def end_driver(self, driver_id: int) -> None:
        """Record that a driver left nothing behind."""
        with self._write() as db:
            db.execute(update(t.drivers).where(t.drivers.c.id == driver_id).values(ended_at=self._clock()))

    def unended_drivers(self) -> list[Row[*tuple[Any, ...]]]:
        """Drivers that never said goodbye: rows of id, boot_id, processes, folder."""
        with self.engine.connect() as db:
            return list(db.execute(select(t.drivers).where(t.drivers.c.ended_at.is_(None))))

    def attempts_of(self, run_id: str) -> list[dict[str, Any]]:
        """The attempts of a run, the first one first."""
        query = select(t.attempts).where(t.attempts.c.run_id == run_id).order_by(t.attempts.c.number)
        with self.engine.connect() as db:
            return [dict(r._mapping) for r in db.execute(query)]

    # forecasts and calibrations

    def add_forecast(self, sweep_id: int, run_id: str, law_id: str, flops: float, prediction: dict[str, Any]) -> None:
        """Store a prediction before its run is trained; the same one twice is kept once."""
        key = (t.forecasts.c.run_id == run_id) & (t.forecasts.c.law_id == law_id)
        with self._write() as db:
            if db.execute(select(t.forecasts.c.id).where(key)).first() is None:
                values = {"sweep_id": sweep_id, "run_id": run_id, "law_id": law_id, "flops": flops}
                db.execute(insert(t.forecasts).values(**values, made_at=self._clock(), prediction=prediction))

    def score_forecast(self, forecast_id: int, score: ForecastScore) -> None:
        """Record how a forecast came out."""
        with self._write() as db:
            row = update(t.forecasts).where(t.forecasts.c.id == forecast_id)
            db.execute(row.values(**asdict(score), scored_at=self._clock()))

    def forecasts_of(self, sweep_id: int) -> list[dict[str, Any]]:
        """A sweep's forecasts, in the order of their making."""
        query = select(t.forecasts).where(t.forecasts.c.sweep_id == sweep_id).order_by(t.forecasts.c.id)
        with self.engine.connect() as db:
            return [dict(r._mapping) for r in db.execute(query)]

    def calibration(self, machine: str, key: str) -> dict[str, Any] | None:
        """A stored measurement of a machine."""
        condition = (t.calibrations.c.machine == machine) & (t.calibrations.c.key == key)
        with self.engine.connect() as db:
            data: dict[str, Any] | None = db.execute(select(t.calibrations.c.data).where(condition)).scalar()
        return data

    def save_calibration(self, machine: str, key: str, data: dict[str, Any]) -> None:
        """Store a measurement of a machine; the first one stays."""
        if self.calibration(machine, key) is None:
            with self._write() as db:
                db.execute(
                    insert(t.calibrations).values(machine=machine, key=key, measured_at=self._clock(), data=data)
                )


def _new_id(result: sa.CursorResult[Any]) -> int:
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def _sweep(row: Row[*tuple[Any, ...]]) -> SweepRecord:
    return SweepRecord(**row._mapping)


def _run(row: Row[*tuple[Any, ...]]) -> RunRecord:
    values = dict(row._mapping)
    values["state"] = RunState(values["state"])
    return RunRecord(**values)


def _engine(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the lock at once: a read that later wants to write would fail instead of waiting."""
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _configure_sqlite(connection: Any, _record: Any) -> None:
    """Durable, concurrent-reader SQLite; SQLAlchemy, not the driver, opens the transactions."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _upgrade(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.execution_options(immediate=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

"""Leaderboards in the database: opened, entered, closed once by the database's clock, and decided."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, insert, select, update

import orchestrator.store.tables as t
from orchestrator.boards import Baseline, BoardError, Forecast, Metric, NewBoard, NewEntry, Outcome, about
from orchestrator.errors import NotFound
from orchestrator.people import ITSELF, Actor, Forbidden
from orchestrator.store.audit import note
from orchestrator.store.database import Database


@dataclass(frozen=True, slots=True)
class BoardRecord:
    """A leaderboard."""

    id: int
    """Primary key."""
    user: str
    """Who opened it."""
    asked: NewBoard
    """What it asks for, hidden parts included."""
    opened_at: float
    """Seconds since the epoch, by the database's clock."""
    closed_at: float | None
    """Since when it is closed; None while it is open."""
    baseline: Baseline | None
    """What its baseline reaches; None without one."""
    outcome: Outcome | None
    """What decides on forecasts; None before it is known."""


@dataclass(frozen=True, slots=True)
class EntryRecord:
    """What a member entered."""

    id: int
    """Primary key; it only grows."""
    user: str
    """Who entered it."""
    entered_at: float
    """Seconds since the epoch, by the database's clock."""
    entered: NewEntry
    """What it is."""


class Boards(Database):
    """The part of the store that knows leaderboards."""

    def add_board(self, new: NewBoard, baseline: Baseline | None, by: Actor) -> None:
        """Open a board. Raises BoardError for a name that is taken or a closing time that has passed."""
        values = asdict(new) | {"group_name": new.group, "target_shown": int(new.target_shown)}
        del values["group"]
        with self.writing() as db:
            now = self.now(db)
            with about("name"):
                if db.execute(select(t.boards.c.id).where(t.boards.c.name == new.name)).first() is not None:
                    raise BoardError(f"there is a board {new.name} already: give another name")
            with about("closes"):
                if new.closes_at <= now:
                    raise BoardError("the closing time has passed: give a later one")
            values |= {"user": by.name, "opened_at": now, "baseline": baseline and baseline.to_dict()}
            db.execute(insert(t.boards).values(**values))
            note(db, now, by, "board open", new.name, f"{new.metric}, {new.flops:g} FLOPs, corpus {new.corpus}")

    def boards(self) -> list[BoardRecord]:
        """All boards, the latest first; those whose time has come are closed before."""
        now = self._close_due()
        with self.reading() as db:
            return [_to_board(row, now) for row in db.execute(select(t.boards).order_by(t.boards.c.id.desc()))]

    def board(self, name: str) -> BoardRecord:
        """The board of this name, which is closed before if its time has come. Raises NotFound."""
        now = self._close_due()
        with self.reading() as db:
            return _to_board(_board(db, name), now)

    def entries(self, board_id: int) -> list[EntryRecord]:
        """The entries of a board in the order in which they came."""
        query = select(t.board_entries).where(t.board_entries.c.board_id == board_id).order_by(t.board_entries.c.id)
        with self.reading() as db:
            return [_to_entry(row) for row in db.execute(query)]

    def owners(self, run_id: str) -> set[str]:
        """Who has a sweep with this run."""
        query = select(t.sweeps.c.user).join(t.sweep_runs, t.sweep_runs.c.sweep_id == t.sweeps.c.id)
        with self.reading() as db:
            return set(db.execute(query.where(t.sweep_runs.c.run_id == run_id)).scalars())

    def check_entry(self, name: str, by: Actor) -> None:
        """Refuse who may not enter a board now. Raises NotFound, Forbidden, BoardError."""
        self._close_due()
        with self.reading() as db:
            _check_entry(db, _board(db, name), by)

    def add_entry(self, name: str, entry: NewEntry, by: Actor) -> None:
        """Enter a board that is open at this moment. Raises NotFound, Forbidden, BoardError."""
        self._close_due()
        with self.writing() as db:
            now = self.now(db)
            row = _board(db, name)
            _check_entry(db, row, by, now)
            mine = (t.board_entries.c.board_id == row.id) & (t.board_entries.c.user == by.name)
            earlier = [_to_entry(found).entered for found in db.execute(select(t.board_entries).where(mine))]
            if entry.runs and any(set(entry.runs) & set(each.runs) for each in earlier):
                raise BoardError(f"{by.name} has entered one of these runs already")
            values = asdict(entry) | {"board_id": row.id, "user": by.name, "entered_at": now}
            db.execute(insert(t.board_entries).values(**values))
            note(db, now, by, "board enter", name, ", ".join(entry.runs) or entry.sweep)

    def close_board(self, name: str, by: Actor) -> None:
        """Close a board before its time. Raises NotFound, BoardError if it is closed."""
        self._close_due()
        with self.writing() as db:
            _board(db, name)
            if not _close(db, self.now(db), t.boards.c.name == name, by):
                raise BoardError(f"board {name} is closed already")

    def decide_board(self, name: str, outcome: Outcome, by: Actor) -> None:
        """Record what decides on a closed board's forecasts, once. Raises NotFound, BoardError."""
        self._close_due()
        with self.writing() as db:
            row = _board(db, name)
            if row.closed_at is None:
                raise BoardError(f"board {name} is open: forecasts are scored after it has closed")
            if row.outcome is not None:
                raise BoardError(f"board {name} was decided by {row.outcome['sweep']}, which stands")
            db.execute(update(t.boards).where(t.boards.c.id == row.id).values(outcome=outcome.to_dict()))
            note(db, self.now(db), by, "board decide", name, outcome.sweep)

    def _close_due(self) -> float:
        """Close the boards whose time has come, each once and for good; returns the time."""
        due = t.boards.c.closed_at.is_(None) & (t.boards.c.closes_at <= sa.bindparam("now"))
        with self.reading() as db:
            now = self.now(db)
            found = db.execute(select(t.boards.c.id).where(due).limit(1), {"now": now}).first()
        if found is not None and not self._reading:
            with self.writing() as db:
                now = self.now(db)
                _close(db, now, t.boards.c.closes_at <= now, ITSELF)
        return now


def _close(db: Connection, now: float, which: sa.ColumnElement[bool], by: Actor) -> bool:
    """Close those of some boards that are open; whether there were any."""
    is_open = t.boards.c.closed_at.is_(None)
    names = list(db.execute(select(t.boards.c.name).where(which & is_open)).scalars())
    db.execute(update(t.boards).where(which & is_open).values(closed_at=now))
    for name in names:
        note(db, now, by, "board close", name)
    return bool(names)


def _board(db: Connection, name: str) -> Row[*tuple[Any, ...]]:
    """The row of a board. Raises NotFound."""
    row = db.execute(select(t.boards).where(t.boards.c.name == name)).first()
    if row is None:
        raise NotFound(f"there is no board {name[:80]!r}: `isoflop board ls` lists them")
    return row


def _check_entry(db: Connection, row: Row[*tuple[Any, ...]], by: Actor, now: float = 0.0) -> None:
    """Refuse who may not enter a board at this time. Raises Forbidden, BoardError."""
    if row.closed_at is not None or row.closes_at <= now:
        raise BoardError(f"board {row.name} is closed")
    group = db.execute(select(t.accounts.c.group_name).where(t.accounts.c.name == by.name)).scalar()
    if row.group_name and group != row.group_name:
        raise Forbidden(f"board {row.name} is for the group {row.group_name}, and {by.name} is not in it")
    mine = (t.board_entries.c.board_id == row.id) & (t.board_entries.c.user == by.name)
    count = db.execute(select(sa.func.count()).select_from(t.board_entries).where(mine)).scalar_one()
    if count >= row.entries:
        made = "an entry, which is final" if row.entries == 1 else f"{count} entries, as many as the board allows"
        raise BoardError(f"{by.name} has {made}")


def _to_board(row: Row[*tuple[Any, ...]], now: float) -> BoardRecord:
    """A row of `boards` as a record."""
    asked = NewBoard(
        name=row.name,
        metric=Metric(row.metric),
        corpus=row.corpus,
        flops=row.flops,
        closes_at=row.closes_at,
        unique_tokens=row.unique_tokens,
        group=row.group_name,
        entries=row.entries,
        text=row.text,
        target=row.target,
        target_shown=bool(row.target_shown),
    )
    # Whoever may only read sees it closed, too.
    closed_at = row.closed_at if row.closed_at is not None or row.closes_at > now else row.closes_at
    baseline = Baseline.from_dict(row.baseline) if row.baseline else None
    outcome = Outcome.from_dict(row.outcome) if row.outcome else None
    return BoardRecord(row.id, row.user, asked, row.opened_at, closed_at, baseline, outcome)


def _to_entry(row: Row[*tuple[Any, ...]]) -> EntryRecord:
    """A row of `board_entries` as a record."""
    forecast = Forecast(**row.forecast) if row.forecast else None
    entered = NewEntry(tuple(row.runs), row.sweep, row.flops, tuple(row.scores), forecast)
    return EntryRecord(row.id, row.user, row.entered_at, entered)

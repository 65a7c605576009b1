"""Rows that cannot all be true, such as a run in training that nobody trains. Each rule is one query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

import orchestrator.store.tables as t
from orchestrator.states import RunState
from orchestrator.store.database import Database

OPEN = (RunState.QUEUED, RunState.RUNNING)
"""States of a run that has not ended."""
Rule = tuple[str, sa.Select[Any]]
"""What is wrong with a row, and the query of the rows of which it is true."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Something that the database says, and that something else denies."""

    subject: str
    """The run or the sweep, as the other verbs name it."""
    finding: str
    """What does not fit."""


def contradictions(database: Database) -> list[Contradiction]:
    """All contradictions between rows, rule by rule. Raises Unavailable, Damaged."""
    with database.reading() as db:
        return [
            Contradiction(str(subject), finding)
            for finding, query in (*_of_runs(), *_of_charges(), *_dangling())
            for subject in db.execute(query.distinct()).scalars()
        ]


def _of_runs() -> Iterator[Rule]:
    """Rules of a run's state, its result and its attempts."""
    runs, attempts = t.runs.c, t.attempts.c
    trained = sa.exists().where((attempts.run_id == runs.id) & attempts.ended_at.is_(None))
    latest = sa.select(sa.func.coalesce(sa.func.max(attempts.number), 0)).where(attempts.run_id == runs.id)
    member = sa.exists().where(t.sweep_runs.c.run_id == runs.id)
    logged = runs.result["loss"].as_float()
    yield "done without a loss", sa.select(runs.id).where((runs.state == RunState.DONE) & runs.loss.is_(None))
    yield "its loss is not that of its result", sa.select(runs.id).where(sa.func.abs(runs.loss - logged) > 1e-9)
    yield "running, and no attempt of it is open", sa.select(runs.id).where((runs.state == RunState.RUNNING) & ~trained)
    yield (
        "not running, and an attempt of it is open",
        sa.select(runs.id).where((runs.state != RunState.RUNNING) & trained),
    )
    yield (
        "its number of attempts is not that of its latest attempt",
        sa.select(runs.id).where(runs.fence != latest.scalar_subquery()),
    )
    yield "in no sweep", sa.select(runs.id).where(~member)


def _of_charges() -> Iterator[Rule]:
    """Rules of what is reserved."""
    runs, charges = t.runs.c, t.charges.c
    opened = charges.settled_at.is_(None)
    joined = t.charges.join(t.runs, charges.run_id == runs.id)
    ended = sa.select(runs.id).select_from(joined).where(opened & runs.state.not_in(OPEN))
    yield "ended, and something is still reserved for it", ended
    several = sa.select(charges.run_id).where(opened).group_by(charges.run_id).having(sa.func.count() > 1)
    yield "reserved for more than once", several


def _dangling() -> Iterator[Rule]:
    """Rules of rows that name others, which must be there."""
    for table in (t.sweep_runs, t.attempts, t.charges, t.forecasts):
        missing = ~sa.exists().where(t.runs.c.id == table.c.run_id)
        yield f"named in {table.name}, and there is no such run", sa.select(table.c.run_id).where(missing)
    for table in (t.sweep_runs, t.charges, t.forecasts):
        missing = ~sa.exists().where(t.sweeps.c.id == table.c.sweep_id)
        number = sa.literal("sweep ") + sa.cast(table.c.sweep_id, sa.String)
        yield f"named in {table.name}, and there is no such sweep", sa.select(number).where(missing)

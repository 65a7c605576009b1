"""What a monitor asks the database: how many runs are in each state, and since when the queue has waited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

import orchestrator.store.tables as t
from orchestrator.states import RunState
from orchestrator.store.database import Database


@dataclass(frozen=True, slots=True)
class Gauges:
    """Numbers of a database at a moment."""

    runs: Mapping[RunState, int]
    """Runs in each state, also where there are none."""
    queue_seconds: float
    """Age of the oldest submission that has queued runs and is not held; 0 if nothing waits."""


def gauges(database: Database) -> Gauges:
    """Read the numbers. Raises Unavailable."""
    counts = sa.select(t.runs.c.state, sa.func.count()).group_by(t.runs.c.state)
    waiting = (
        sa.select(sa.func.min(t.sweeps.c.submitted_at))
        .join(t.sweep_runs, t.sweep_runs.c.sweep_id == t.sweeps.c.id)
        .join(t.runs, t.runs.c.id == t.sweep_runs.c.run_id)
        .where((t.runs.c.state == RunState.QUEUED) & t.sweeps.c.held.is_(None))
    )
    with database.reading() as db:
        found = {RunState(state): number for state, number in db.execute(counts)}
        oldest = db.execute(waiting).scalar()
        age = 0.0 if oldest is None else max(0.0, database.now(db) - oldest)
    return Gauges({state: found.get(state, 0) for state in RunState}, age)

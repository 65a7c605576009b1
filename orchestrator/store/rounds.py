"""The rounds of adaptive sweeps in the database: each is stored with its runs, in one transaction, before it starts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

import orchestrator.store.queueing as queueing
import orchestrator.store.tables as t
from orchestrator.people import ITSELF
from orchestrator.settings import Ceilings
from orchestrator.states import Move
from orchestrator.store.audit import note
from orchestrator.store.database import Database
from orchestrator.store.records import NewRun, SweepRecord
from orchestrator.store.runs import bump_requests
from orchestrator.store.sweeps import to_sweep
from sweeps.plan.rounds import Round, Stop


class Rounds(Database):
    """The part of the store that knows what adaptive sweeps decided."""

    def add_round(
        self, sweep_id: int, number: int, decided: Round, runs: Sequence[NewRun], ceilings: Ceilings | None = None
    ) -> bool:
        """Store a decision of an adaptive sweep and queue its runs; False where it was decided before, or is held.

        `number` is how many decisions it follows: of two processes that decide the same, the second changes nothing.
        That a later revision goes on from its rounds ends a held sweep, too.
        Raises CeilingExceeded: nothing is stored then.
        """
        with self.writing() as db:
            sweep = to_sweep(db.execute(select(t.sweeps).where(t.sweeps.c.id == sweep_id)).one())
            held = sweep.held is not None and decided.stop is not Stop.CONTINUED
            if held or len(sweep.rounds) != number:
                return False
            rounds = [each.to_dict() for each in (*sweep.rounds, decided)]
            db.execute(update(t.sweeps).where(t.sweeps.c.id == sweep_id).values(rounds=rounds))
            limits = ceilings or Ceilings()
            queueing.add_runs(db, sweep_id, runs, limits)
            # Another sweep's failure or cancellation of the same run is not this one's.
            queueing.again(db, sweep_id, queueing.RETRIED, Move.RETRY, {}, limits, {run.id for run in runs})
            name = queueing.name_of(db, sweep_id)
            note(db, self.now(db), ITSELF, "round", name, ", ".join(run.id for run in runs))
            bump_requests(db)
        return True

    def open_ended(self) -> list[SweepRecord]:
        """The adaptive sweeps that may decide a further round, unless they are held, in the order of submission."""
        mine = t.sweeps.c.rounds.is_not(None) & t.sweeps.c.held.is_(None)
        with self.reading() as db:
            query = select(t.sweeps).where(mine).order_by(t.sweeps.c.submitted_at, t.sweeps.c.id)
            found = [to_sweep(row) for row in db.execute(query)]
        return [sweep for sweep in found if sweep.open_ended]

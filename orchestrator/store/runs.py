"""Runs and their attempts in the database: every change of state is compare-and-set and fenced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, insert, select, update

from orchestrator.attempts import Outcome
from orchestrator.errors import NotFound
from orchestrator.settings import Ceilings
from orchestrator.states import Cause, Hold, Move, RunState, after, move_after_attempt
from orchestrator.store import tables as t
from orchestrator.store.cell import Cell
from orchestrator.store.charges import grow, settle
from orchestrator.store.database import Database
from orchestrator.store.records import LeaseLost, RunRecord, StaleAttempt

RUN_COLUMNS = [c for c in t.runs.c if c.name != "finished_at"]


class Runs(Database):
    """The part of the store that knows runs and attempts."""

    def run(self, run_id: str) -> RunRecord:
        """One run. Raises NotFound."""
        with self.reading() as db:
            row = db.execute(select(*RUN_COLUMNS).where(t.runs.c.id == run_id)).first()
        if row is None:
            raise NotFound(f"there is no run {run_id!r}")
        return to_run(row)

    def runs_in(self, *states: RunState) -> list[RunRecord]:
        """All runs in the given states."""
        with self.reading() as db:
            return [to_run(r) for r in db.execute(select(*RUN_COLUMNS).where(t.runs.c.state.in_(states)))]

    def unfinished_on_trunks(self) -> list[RunRecord]:
        """Queued and running runs that share a trunk, each with its cell in one of its sweeps; reruns train alone."""
        query = (
            select(*RUN_COLUMNS, t.sweep_runs.c.role, t.sweep_runs.c.cell)
            .join(t.sweep_runs, t.sweep_runs.c.run_id == t.runs.c.id)
            .where(t.runs.c.state.in_((RunState.QUEUED, RunState.RUNNING)) & (t.runs.c.restarted == 0))
            .where(t.sweep_runs.c.cell["trunk"].as_string().is_not(None))
        )
        with self.reading() as db:
            return list({row.id: to_run(row) for row in db.execute(query)}.values())

    def runs_by_prefix(self, prefix: str) -> list[RunRecord]:
        """The runs whose id begins so."""
        query = select(*RUN_COLUMNS).where(t.runs.c.id.startswith(prefix, autoescape=True)).order_by(t.runs.c.id)
        with self.reading() as db:
            return [to_run(r) for r in db.execute(query)]

    def held_runs(self) -> set[str]:
        """Ids of queued and running runs that every sweep which holds them keeps waiting."""
        pending = t.runs.c.state.in_((RunState.QUEUED, RunState.RUNNING))
        with self.reading() as db:
            return set(db.execute(select(t.runs.c.id).where(pending & ~active())).scalars())

    def claim(self, run_id: str, fence: int, driver_id: int, worker: str) -> int:
        """Give a queued run to a worker and open its next attempt, whose number is returned.

        Raises StaleAttempt when the run is no longer queued under this fence, LeaseLost when the driver no longer
        holds the scheduler's lease.
        """
        (number,) = self.claim_all([(run_id, fence, worker)], driver_id)
        if number is None:
            raise StaleAttempt(f"run {run_id} is no longer queued in attempt {fence}; claim refused")
        return number

    def claim_all(
        self, claims: Sequence[tuple[str, int, str]], driver_id: int, seconds: Mapping[str, float] | None = None
    ) -> list[int | None]:
        """Give queued runs (id, fence, worker) to workers in one transaction: the number of each one's new attempt.

        `seconds` are predictions that replace those of the plan. None stands where the run is no longer queued under
        its fence. Raises LeaseLost when the driver no longer holds the scheduler's lease.
        """
        with self.writing() as db:
            if db.execute(select(t.scheduler.c.driver_id)).scalar() != driver_id:
                raise LeaseLost("another scheduler took this database over")
            queued = _standing(db, RunState.QUEUED, [(run_id, fence) for run_id, fence, _ in claims])
            won = [claim for claim in claims if claim[:2] in queued]
            known = seconds or {}
            moves = [{"of_run": r, "of_fence": fence, "new_seconds": known.get(r)} for r, fence, _ in won]
            _move_each(db, RunState.QUEUED, Move.CLAIM, CLAIM, moves)
            if won:
                same = {"driver_id": driver_id, "started_at": self.now(db)}
                rows = [{"run_id": r, "number": fence + 1, "worker": worker, **same} for r, fence, worker in won]
                db.execute(insert(t.attempts), rows)
        return [fence + 1 if (run_id, fence) in queued else None for run_id, fence, _ in claims]

    def end_attempt(self, run_id: str, fence: int, outcome: Outcome) -> RunState:
        """Close an attempt and move its run on; the rule is `states.move_after_attempt`.

        Raises StaleAttempt when the attempt is not the run's running one.
        """
        (state,) = self.end_all([(run_id, fence, outcome)])
        if state is None:
            raise StaleAttempt(f"run {run_id} is no longer running in attempt {fence}; its end is refused")
        return state

    def end_all(self, ends: Sequence[tuple[str, int, Outcome]]) -> list[RunState | None]:
        """Close attempts in one transaction and move their runs on; the state of each, None where it was refused."""
        with self.writing() as db:
            now = self.now(db)
            running = _standing(db, RunState.RUNNING, [(run_id, fence) for run_id, fence, _ in ends])
            heard = [end for end in ends if end[:2] in running]
            states = dict.fromkeys((r for r, _, outcome in heard if outcome.cause is Cause.DONE), RunState.DONE)
            finish_all(db, [end for end in heard if end[0] in states], now)
            for run_id, fence, outcome in heard:
                if run_id not in states:
                    states[run_id] = _end_unfinished(db, run_id, fence, outcome, now)
        return [states[run_id] if (run_id, fence) in running else None for run_id, fence, _ in ends]

    def attempts_of(self, run_id: str) -> list[dict[str, Any]]:
        """The attempts of a run, the first one first."""
        return self.attempts_of_all([run_id])

    def attempts_of_all(self, run_ids: Sequence[str]) -> list[dict[str, Any]]:
        """The attempts of some runs, by run and number."""
        query = select(t.attempts).where(t.attempts.c.run_id.in_(run_ids))
        with self.reading() as db:
            rows = db.execute(query.order_by(t.attempts.c.run_id, t.attempts.c.number))
            return [dict(r._mapping) for r in rows]

    def losses(self) -> tuple[float, int]:
        """Device-seconds of all attempts, and how many of them were lost with their worker, node or driver."""
        lost = t.attempts.c.cause.in_((Cause.LOST, Cause.ORPHANED))
        sums = select(sa.func.coalesce(sa.func.sum(t.attempts.c.seconds), 0.0), sa.func.count().filter(lost))
        with self.reading() as db:
            seconds, count = db.execute(sums.select_from(t.attempts)).one()
        return float(seconds), int(count)

    def extend(self, run_id: str, seconds: float, ceilings: Ceilings) -> None:
        """Let a running run take more device-seconds than were reserved for it. Raises CeilingExceeded."""
        with self.writing() as db:
            grow(db, run_id, seconds, ceilings)

    def reserved_seconds(self, run_ids: Sequence[str]) -> dict[str, float]:
        """Device-seconds that are reserved for some runs."""
        query = select(t.charges.c.run_id, t.charges.c.seconds).where(t.charges.c.settled_at.is_(None))
        with self.reading() as db:
            rows = db.execute(query.where(t.charges.c.run_id.in_(run_ids)))
            return {row.run_id: row.seconds for row in rows}


# Statements of every step of the scheduler are built once: SQLAlchemy takes as long for that as SQLite for the work.
STANDING = select(t.runs.c.id, t.runs.c.fence).where(
    t.runs.c.id.in_(sa.bindparam("run_ids", expanding=True)) & (t.runs.c.state == sa.bindparam("in_state"))
)
RESULT_COLUMNS = ("loss", "bits_per_byte", "seconds", "result", "device", "error", "finished_at")
FINISHED = {name: sa.bindparam(f"new_{name}", type_=t.runs.c[name].type) for name in RESULT_COLUMNS}
CLOSE = (
    update(t.attempts)
    .where((t.attempts.c.run_id == sa.bindparam("of_run")) & (t.attempts.c.number == sa.bindparam("of_fence")))
    .values(
        {
            name: sa.bindparam(f"new_{name}", type_=t.attempts.c[name].type)
            for name in ("cause", "detail", "seconds", "ended_at")
        }
    )
)


def _standing(db: Connection, state: RunState, attempts: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
    """Which of some runs are in a state under the given fence."""
    rows = db.execute(STANDING, {"run_ids": [run_id for run_id, _ in attempts], "in_state": state})
    return {(row.id, row.fence) for row in rows} & set(attempts)


def finish_all(db: Connection, ends: Sequence[tuple[str, int, Outcome]], now: float) -> None:
    """Record the results of attempts that came to their end."""
    moves = []
    for run_id, fence, outcome in ends:
        new = _finished(outcome) | {"finished_at": now}
        moves.append({"of_run": run_id, "of_fence": fence} | {f"new_{name}": new[name] for name in RESULT_COLUMNS})
    _move_each(db, RunState.RUNNING, Move.FINISH, FINISH, moves)
    _close_attempts(db, ends, now)
    settle(db, [run_id for run_id, _, _ in ends], now)


def _end_unfinished(db: Connection, run_id: str, fence: int, outcome: Outcome, now: float) -> RunState:
    """Record the end of an attempt that brought no result."""
    how, values = _ruling(db, run_id, fence, outcome)
    if how is not Move.REQUEUE:
        values["finished_at"] = now
    state = move(db, run_id, fence, RunState.RUNNING, how, values)
    _close_attempts(db, [(run_id, fence, outcome)], now)
    if state.terminal:
        settle(db, [run_id], now, outcome.flops)
    return state


def _close_attempts(db: Connection, ends: Sequence[tuple[str, int, Outcome]], now: float) -> None:
    rows = [
        {"of_run": run_id, "of_fence": fence, "new_ended_at": now}
        | {f"new_{name}": getattr(outcome, name) for name in ("cause", "detail", "seconds")}
        for run_id, fence, outcome in ends
    ]
    if rows:
        db.execute(CLOSE, rows)


def _ruling(db: Connection, run_id: str, fence: int, outcome: Outcome) -> tuple[Move, dict[str, Any]]:
    """What becomes of a run whose attempt brought no result, and the values that it leaves."""
    columns = (t.runs.c.counted_from, t.runs.c.micro_batch, t.runs.c.config, active((Hold.CANCELLED,)).label("wanted"))
    run = db.execute(select(*columns).where(t.runs.c.id == run_id)).first()
    if run is None:
        raise NotFound(f"there is no run {run_id!r}")
    counted = (t.attempts.c.number > run.counted_from) & (t.attempts.c.number < fence)
    earlier = db.execute(select(t.attempts.c.cause).where((t.attempts.c.run_id == run_id) & counted)).scalars()
    micro_batch = outcome.micro_batch or run.micro_batch or int((run.config.get("train") or {}).get("batch", 1))
    causes = [Cause(c) for c in earlier if c]
    how = move_after_attempt(outcome.cause, causes, micro_batch=micro_batch, cancelled=not run.wanted)
    if how in (Move.FAIL, Move.DIVERGE):
        return how, {"error": _with_hint(outcome)}
    return how, {"micro_batch": (micro_batch + 1) // 2} if outcome.cause is Cause.OUT_OF_MEMORY else {}


def _finished(outcome: Outcome) -> dict[str, Any]:
    result = outcome.result or {}
    return {
        "loss": result["loss"],
        "bits_per_byte": result["bits_per_byte"],
        "seconds": result["train_seconds"],
        "result": result,
        "device": outcome.device,
        "error": None,
    }


def _with_hint(outcome: Outcome) -> str:
    if outcome.cause is not Cause.OUT_OF_MEMORY:
        return outcome.detail
    return f"{outcome.detail}\nnot even one sequence at a time fits: this run needs a larger device"


def move(db: Connection, run_id: str, fence: int, state: RunState, how: Move, values: dict[str, Any]) -> RunState:
    """Compare-and-set: only a run in `state` under `fence` makes the move, and takes these values.

    Raises StaleAttempt, IllegalMove.
    """
    _move_each(db, state, how, _change(state, how, values), [{"of_run": run_id, "of_fence": fence}])
    return after(state, how)


def _change(state: RunState, how: Move, values: dict[str, Any]) -> sa.Update:
    """The statement of a move of runs in `state`, each given as `of_run`, `of_fence` and the parameters of `values`."""
    mine = (t.runs.c.id == sa.bindparam("of_run")) & (t.runs.c.fence == sa.bindparam("of_fence"))
    return update(t.runs).where(mine & (t.runs.c.state == state)).values(state=after(state, how), **values)


def _move_each(db: Connection, state: RunState, how: Move, change: sa.Update, moves: Sequence[dict[str, Any]]) -> None:
    """Compare-and-set several runs. Raises StaleAttempt where one of them cannot."""
    if moves and db.execute(change, list(moves)).rowcount != len(moves):
        runs = ", ".join(m["of_run"] for m in moves[:5])
        raise StaleAttempt(f"run {runs} is no longer {state} in its attempt; {how} refused")


FINISH = _change(RunState.RUNNING, Move.FINISH, FINISHED)
CLAIM = _change(
    RunState.QUEUED,
    Move.CLAIM,
    {
        "fence": t.runs.c.fence + 1,
        "predicted_seconds": sa.func.coalesce(sa.bindparam("new_seconds", type_=sa.Float), t.runs.c.predicted_seconds),
    },
)


def cancel_where(db: Connection, condition: sa.ColumnElement[bool], now: float) -> None:
    """Cancel the queued runs of a condition and give back what was reserved for them."""
    queued = select(t.runs.c.id, t.runs.c.fence).where(condition & (t.runs.c.state == RunState.QUEUED))
    for run_id, fence in db.execute(queued).all():
        move(db, run_id, fence, RunState.QUEUED, Move.CANCEL, {"finished_at": now})
        settle(db, [run_id], now, 0.0)


def active(exempt: tuple[Hold, ...] = tuple(Hold)) -> sa.ColumnElement[bool]:
    """Whether a row of `runs` belongs to a sweep that is not held in one of these ways."""
    held = sa.or_(t.sweeps.c.held.is_(None), t.sweeps.c.held.not_in(exempt))
    holders = select(t.sweep_runs.c.run_id).join(t.sweeps).where((t.sweep_runs.c.run_id == t.runs.c.id) & held)
    return sa.exists(holders.correlate(t.runs))


def bump_requests(db: Connection) -> None:
    """Tell the scheduler that something was asked for."""
    db.execute(update(t.scheduler).values(requests=t.scheduler.c.requests + 1))


def to_run(row: Row[*tuple[Any, ...]]) -> RunRecord:
    """A row of `runs` as a record."""
    values = dict(row._mapping)
    values["state"] = RunState(values["state"])
    if "cell" in values:
        values["cell"] = Cell.from_dict(values["cell"]) if values["cell"] else None
    return RunRecord(**values)

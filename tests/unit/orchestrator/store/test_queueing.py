"""Whose a sweep is: its name belongs to whoever submitted it first, and only they and admins change it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.attempts import Outcome
from orchestrator.people import Actor, Forbidden, Role
from orchestrator.states import Cause, Hold, RunState
from orchestrator.store import Store
from tests.unit.orchestrator.store_fixtures import claim, end_attempt, new_run, result, sweep_record

ADA, BOB, ROOT = Actor("ada", Role.SUBMITTER), Actor("bob", Role.SUBMITTER), Actor("root", Role.ADMIN)
CHANGES: dict[str, Callable[[Store, int, Actor], object]] = {
    "submit": lambda store, _, by: store.submit(sweep_record(user=by.name), [new_run(0)], by=by),
    "extend": lambda store, _, by: store.submit(sweep_record(revision="bbbb", user=by.name), [new_run(1)], by=by),
    "rerun": lambda store, _, by: store.submit(sweep_record(user=by.name), [new_run(0)], rerun=True, by=by),
    "cancel": lambda store, sweep, by: store.hold(sweep, Hold.CANCELLED, by=by),
    "pause": lambda store, sweep, by: store.hold(sweep, Hold.PAUSED, by=by),
    "resume": lambda store, sweep, by: store.release(sweep, by),
    "retry": lambda store, sweep, by: store.retry([sweep], by=by),
}
"""Everything that changes a sweep."""


@pytest.mark.parametrize("change", CHANGES)
def test_a_member_does_not_change_anothers_sweep(store: Store, change: str) -> None:
    sweep = store.submit(sweep_record(user="ada"), [new_run(0)], by=ADA)
    with pytest.raises(Forbidden, match="sweep demo belongs to ada, and bob is no admin: submit it under another name"):
        CHANGES[change](store, sweep.id, BOB)
    assert store.sweep("demo") == sweep and store.audit_length() == 1
    for by in (ADA, ROOT):
        CHANGES[change](store, sweep.id, by)
        with pytest.raises(Forbidden):
            CHANGES[change](store, sweep.id, BOB)
    assert [entry.user for entry in store.audit()] == ["root", "ada", "ada"]


def test_a_member_does_not_rerun_runs_that_anothers_sweep_has_too(store: Store) -> None:
    store.submit(sweep_record("hers", user="ada"), [new_run(0)], by=ADA)
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "run0", claim(store, "run0", 0, driver, "w"), Outcome(Cause.DONE, result()))
    his = sweep_record("his", user="bob")
    with pytest.raises(
        Forbidden, match="also of sweep hers, which belongs to ada, and bob is no admin: submit without"
    ):
        store.submit(his, [new_run(0)], rerun=True, by=BOB)
    assert [sweep.name for sweep in store.sweeps()] == ["hers"] and store.run("run0").state is RunState.DONE
    store.submit(his, [new_run(0)], by=BOB)
    store.submit(his, [new_run(0)], rerun=True, by=ROOT)
    assert store.run("run0").state is RunState.QUEUED

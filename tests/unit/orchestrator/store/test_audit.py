"""The audit log: an entry in the transaction of each change, and none is ever changed or deleted."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from orchestrator.people import ITSELF, Actor, Role
from orchestrator.settings import Ceilings
from orchestrator.states import Hold
from orchestrator.store import CeilingExceeded, Store, StoreError
from orchestrator.store import tables as t
from tests.unit.orchestrator.store_fixtures import new_run, sweep_record

ADA = Actor("ada", Role.SUBMITTER, "192.0.2.1", "c0ffee")


def test_every_request_leaves_an_entry_with_who_what_and_from_where(store: Store) -> None:
    sweep = store.submit(sweep_record(user="ada"), [new_run(0)], by=ADA)
    store.hold(sweep.id, Hold.PAUSED, "lunch", by=ADA)
    store.hold(sweep.id, Hold.PAUSED, "tea", unless_held=True, by=ADA)
    store.release(sweep.id, ADA)
    store.hold(sweep.id, Hold.CANCELLED, by=ADA)
    store.retry([sweep.id], by=ADA)
    store.add_runs(sweep.id, [new_run(1)], by=ADA)
    store.submit(sweep_record(user="ada"), [new_run(0)], rerun=True, by=ADA)
    store.hold(sweep.id, Hold.PAUSED, "the ceiling is reached")
    entries = list(reversed(store.audit()))
    assert [(e.action, e.detail) for e in entries] == [
        ("submit", ""), ("pause", "lunch"), ("resume", ""), ("cancel", ""), ("retry", ""), ("add runs", "run1"),
        ("rerun", ""), ("pause", "the ceiling is reached"),
    ]  # fmt: skip
    assert {e.subject for e in entries} == {"demo@aaaa0000"}
    assert {(e.user, e.address, e.request) for e in entries[:-1]} == {("ada", "192.0.2.1", "c0ffee")}
    assert entries[-1].user == ITSELF.name
    assert store.audit_length() == 8 and [e.id for e in store.audit(limit=2, offset=1)] == [
        entries[-2].id, entries[-3].id
    ]  # fmt: skip


def test_what_is_refused_leaves_none(store: Store) -> None:
    with pytest.raises(CeilingExceeded):
        store.submit(sweep_record(user="ada"), [new_run(0)], Ceilings(flops=1.0), by=ADA)
    assert store.audit() == []


@pytest.mark.parametrize(
    "change", [sa.update(t.audit).values(user="bob"), sa.delete(t.audit)], ids=["update", "delete"]
)
def test_an_entry_is_neither_changed_nor_deleted(store: Store, change: sa.Update | sa.Delete) -> None:
    store.submit(sweep_record(user="ada"), [new_run(0)], by=ADA)
    with pytest.raises(StoreError, match="append-only"), store.writing() as db:
        db.execute(change)
    assert [e.user for e in store.audit()] == ["ada"]

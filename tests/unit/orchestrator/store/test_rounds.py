"""Rounds in the database: one transaction each, in their order, and what is open for another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.attempts import Outcome
from orchestrator.settings import Ceilings
from orchestrator.states import Cause, Hold, RunState
from orchestrator.store import CeilingExceeded, Store
from sweeps.plan.rounds import Round, Stop
from tests.unit.orchestrator.store_fixtures import new_run, open_store, sweep_record

FIRST = Round(("run0",), 0.0)
SECOND = Round(("run1",), 1e9, note="a note")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


def _submitted(store: Store) -> int:
    return store.submit(replace(sweep_record(), rounds=(FIRST,)), [new_run(0)]).id


def test_rounds_are_stored_in_their_order_and_once(store: Store) -> None:
    sweep = _submitted(store)
    assert store.sweep_by_id(sweep).open_ended and [each.id for each in store.open_ended()] == [sweep]
    assert store.add_round(sweep, 1, SECOND, [new_run(1)])
    assert not store.add_round(sweep, 1, SECOND, [new_run(2)]), "decided by another process"
    assert store.sweep_by_id(sweep).rounds == (FIRST, SECOND)
    assert [run.id for run in store.runs_of(sweep)] == ["run0", "run1"]
    assert store.add_round(sweep, 2, Round((), 2e9, stop=Stop.SPENT), [])
    assert not store.sweep_by_id(sweep).open_ended and store.open_ended() == []


def test_a_grid_has_no_rounds_and_a_held_sweep_is_not_open(store: Store) -> None:
    store.submit(sweep_record(name="grid"), [new_run(3)])
    sweep = _submitted(store)
    store.hold(sweep, Hold.CANCELLED)
    assert store.open_ended() == [] and not store.add_round(sweep, 1, SECOND, [new_run(1)])


def test_a_ceiling_keeps_a_round_from_being_stored(store: Store) -> None:
    sweep = _submitted(store)
    with pytest.raises(CeilingExceeded):
        store.add_round(sweep, 1, SECOND, [new_run(1)], Ceilings(flops=1.0))
    assert store.sweep_by_id(sweep).rounds == (FIRST,) and len(store.runs_of(sweep)) == 1


def test_a_run_that_another_sweep_cancelled_is_queued_again(store: Store) -> None:
    other = store.submit(sweep_record(name="other"), [new_run(1)]).id
    store.hold(other, Hold.CANCELLED)
    sweep = _submitted(store)
    assert store.add_round(sweep, 1, SECOND, [new_run(1)])
    assert store.run("run1").state is RunState.QUEUED


def test_a_failure_is_no_reason_to_decide(store: Store) -> None:
    sweep = _submitted(store)
    driver = store.start_driver("boot", [], "")
    (number,) = store.claim_all([("run0", 0, "worker")], driver)
    assert number is not None
    store.end_all([("run0", number, Outcome(Cause.CONFIGURATION, detail="no such field"))])
    assert store.totals([sweep])[sweep].state == "incomplete"

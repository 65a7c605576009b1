"""The ledger adds up: whatever was planned is reserved, spent or refunded, to whom it belongs."""

from __future__ import annotations

import pytest

from orchestrator.attempts import Outcome
from orchestrator.settings import Ceilings
from orchestrator.states import Cause, Hold
from orchestrator.store import Entry, Store
from orchestrator.store.ledger import _entry
from tests.unit.orchestrator.store_fixtures import claim, end_attempt, new_run, result, sweep_record


def amounts(store: Store, user: str = "ann") -> tuple[Entry, Entry]:
    """FLOPs and seconds of a user's only line, which adds up."""
    (line,) = store.ledger(user)
    for entry in (line.flops, line.seconds):
        assert entry.planned == pytest.approx(entry.reserved + entry.spent + entry.refunded)
    return line.flops, line.seconds


def test_a_cancelled_sweep_gets_back_what_it_did_not_spend(store: Store) -> None:
    sweep = store.submit(sweep_record(user="ann"), [new_run(0, 10.0), new_run(1, 20.0)])
    assert amounts(store) == (Entry(3e9, 3e9, 0.0, 0.0), Entry(30.0, 30.0, 0.0, 0.0))
    driver = store.start_driver("boot", [], "")
    number = claim(store, "run0", 0, driver, "w")
    store.hold(sweep.id, Hold.CANCELLED)
    assert amounts(store) == (Entry(3e9, 1e9, 0.0, 2e9), Entry(30.0, 10.0, 0.0, 20.0))
    end_attempt(store, "run0", number, Outcome(Cause.PREEMPTED, seconds=4.0, flops=2.5e8))
    assert amounts(store) == (Entry(3e9, 0.0, 2.5e8, 2.75e9), Entry(30.0, 0.0, 4.0, 26.0))
    store.retry([sweep.id])
    flops, seconds = amounts(store)
    assert (flops.planned, flops.reserved, flops.spent) == (3e9 + 2.75e9, 2.75e9, 2.5e8)
    assert (seconds.reserved, seconds.spent) == (30.0, 4.0)
    assert [line.runs for line in store.ledger("ann")] == [2], "one that was retried counts once"


@pytest.mark.parametrize("grown", [False, True])
def test_what_a_run_takes_beyond_the_prediction_is_planned_too(store: Store, grown: bool) -> None:
    store.submit(sweep_record(user="ann"), [new_run(0, 10.0)])
    number = claim(store, "run0", 0, store.start_driver("boot", [], ""), "w")
    if grown:
        store.extend("run0", 14.0, Ceilings())
        assert amounts(store)[1] == Entry(14.0, 14.0, 0.0, 0.0)
    end_attempt(store, "run0", number, Outcome(Cause.DONE, result(), seconds=16.0))
    assert amounts(store) == (Entry(1e9, 0.0, 1e9, 0.0), Entry(16.0, 0.0, 16.0, 0.0))


def test_each_user_has_lines_of_their_own(store: Store) -> None:
    store.submit(sweep_record(user="ann"), [new_run(0)])
    store.submit(sweep_record("other", user="bob"), [new_run(0), new_run(1)])
    lines = {(line.user, line.sweep, line.revision, line.runs): line.flops.planned for line in store.ledger()}
    assert lines == {("ann", "demo", "aaaa0000", 1): 1e9, ("bob", "other", "aaaa0000", 1): 2e9}, "paid for once"
    assert [line.user for line in store.ledger("bob")] == ["bob"] and store.ledger("tom") == []
    store.submit(sweep_record("earlier-by-name", user="bob"), [new_run(2)])
    assert [line.sweep for line in store.ledger()] == ["demo", "other", "earlier-by-name"], "by the age of the sweep"


def test_no_more_is_refunded_than_was_planned() -> None:
    assert _entry(0.3, 0.1, 0.2).refunded == 0.0 > 0.3 - 0.1 - 0.2

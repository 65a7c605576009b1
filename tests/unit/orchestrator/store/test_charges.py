"""Ceilings: what runs may take is reserved, settled, refunded, and never exceeded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.attempts import Outcome
from orchestrator.settings import Ceilings
from orchestrator.states import Cause, Hold, RunState
from orchestrator.store import (
    CeilingExceeded,
    Store,
    Usage,
)
from tests.unit.orchestrator.store_fixtures import (
    claim,
    end_attempt,
    new_run,
    result,
    sweep_record,
    usage_of_sweep,
    usage_of_user,
)


def test_what_runs_may_take_is_reserved_settled_and_refunded(store: Store) -> None:
    sweep = store.submit(sweep_record(user="ann"), [new_run(0, 10.0), new_run(1, 20.0)])
    assert usage_of_user(store, "ann") == Usage(3e9, 30.0)
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "run0", claim(store, "run0", 0, driver, "w"), Outcome(Cause.LOST, seconds=3.0))
    assert usage_of_user(store, "ann") == Usage(3e9, 30.0)
    done = Outcome(Cause.DONE, result(), seconds=4.0)
    end_attempt(store, "run0", claim(store, "run0", 1, driver, "w"), done)
    assert usage_of_user(store, "ann") == Usage(3e9, 27.0)
    failed = Outcome(Cause.DIVERGED, seconds=1.0, flops=5e8)
    end_attempt(store, "run1", claim(store, "run1", 0, driver, "w"), failed)
    assert usage_of_user(store, "ann") == usage_of_sweep(store, sweep.id) == Usage(1.5e9, 8.0)


def test_a_submission_above_a_ceiling_stores_nothing(store: Store) -> None:
    with pytest.raises(CeilingExceeded, match=r"user ann would come to 3e\+09 FLOPs, above the ceiling of 2e\+09"):
        store.submit(sweep_record(user="ann"), [new_run(0), new_run(1)], Ceilings(flops=2e9))
    assert store.sweeps() == []
    assert store.runs_in(*RunState) == []
    with pytest.raises(CeilingExceeded, match="sweep demo"):
        store.submit(sweep_record(ceiling_seconds=25.0), [new_run(0, 10.0), new_run(1, 20.0)])
    store.submit(sweep_record(ceiling_seconds=30.0), [new_run(0, 10.0), new_run(1, 20.0)])


def test_a_cancelled_sweep_gives_its_reservation_back_and_a_retry_asks_again(store: Store) -> None:
    ceiling = Ceilings(flops=3e9)
    sweep = store.submit(sweep_record(user="ann"), [new_run(0), new_run(1)], ceiling)
    store.hold(sweep.id, Hold.CANCELLED)
    assert usage_of_user(store, "ann") == Usage(0.0, 0.0)
    other = store.submit(sweep_record("other", user="ann"), [new_run(0)], ceiling)
    assert store.state_counts(other.id) == {RunState.CANCELLED: 1}
    assert store.retry([other.id], ceiling) == 1
    with pytest.raises(CeilingExceeded):
        store.retry([sweep.id], Ceilings(flops=2e9))
    assert store.retry([sweep.id], ceiling) == 1


def test_a_reservation_grows_until_the_ceiling(store: Store) -> None:
    store.submit(sweep_record(user="ann"), [new_run(0, 10.0), new_run(1, 10.0)])
    ceiling = Ceilings(seconds=25.0)
    store.extend("run0", 15.0, ceiling)
    assert {r: c.reserved for r, c in store.open_charges(["run0", "run1"]).items()} == {"run0": 15.0, "run1": 10.0}
    with pytest.raises(CeilingExceeded):
        store.extend("run1", 11.0, ceiling)
    assert usage_of_user(store, "ann").seconds == 25.0


def test_a_run_without_a_prediction_reserves_a_minute(store: Store) -> None:
    sweep = store.submit(sweep_record(user="ann"), [new_run(0)])
    assert usage_of_sweep(store, sweep.id) == Usage(1e9, 60.0)
    store.extend("run0", 59.0, Ceilings())
    assert store.open_charges(["run0"])["run0"].reserved == 60.0, "a reservation never shrinks"
    store.extend("nothing", 1e9, Ceilings(seconds=1.0))
    assert store.open_charges(["nothing"]) == {}


def test_a_sum_of_floats_at_its_ceiling_is_allowed(store: Store) -> None:
    runs = [replace(new_run(i), flops=0.1) for i in range(3)]
    store.submit(sweep_record(ceiling_flops=0.3), runs)  # 0.1 + 0.1 + 0.1 is above 0.3
    with pytest.raises(CeilingExceeded, match=r"sweep other would come to 0\.3 FLOPs, above the ceiling of 0\.29"):
        store.submit(
            sweep_record("other", "bbbb0000", ceiling_flops=0.29),
            [replace(run, id=f"other{i}") for i, run in enumerate(runs)],
        )


def test_forgiven_attempts_are_no_longer_charged(store: Store) -> None:
    sweep = store.submit(sweep_record(user="ann"), [new_run(0, 10.0)])
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "run0", claim(store, "run0", 0, driver, "w"), Outcome(Cause.CONFIGURATION, seconds=7.0))
    assert usage_of_sweep(store, sweep.id) == Usage(0.0, 7.0)
    store.retry([sweep.id])
    end_attempt(store, "run0", claim(store, "run0", 1, driver, "w"), Outcome(Cause.DONE, result(), seconds=2.0))
    assert usage_of_sweep(store, sweep.id) == Usage(1e9, 9.0)

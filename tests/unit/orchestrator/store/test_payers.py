"""Who pays for a run: exact sums over attempts that end late, twice or not at all, retries, reruns and shared runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.attempts import Outcome
from orchestrator.settings import Ceilings
from orchestrator.states import Cause, Hold, RunState
from orchestrator.store import CeilingExceeded, OpenCharge, StaleAttempt, Store, Usage
from tests.unit.orchestrator.store_fixtures import (
    claim,
    end_attempt,
    new_run,
    result,
    sweep_record,
    usage_of_sweep,
    usage_of_user,
)

GIGA = 1e9
"""Training FLOPs of run0."""


def attempt(store: Store, driver: int, cause: Cause, seconds: float, flops: float) -> RunState:
    """One whole attempt of run0."""
    fence = store.run("run0").fence
    outcome = Outcome(cause, result() if cause is Cause.DONE else None, seconds=seconds, flops=flops)
    return end_attempt(store, "run0", claim(store, "run0", fence, driver, "w"), outcome)


def test_the_flops_of_a_cancelled_run_are_those_that_its_attempts_reached(store: Store) -> None:
    sweep = store.submit(sweep_record(user="ann"), [new_run(0, 10.0)])
    driver = store.start_driver("boot", [], "")
    attempt(store, driver, Cause.PREEMPTED, 3.0, 4e8)
    attempt(store, driver, Cause.LOST, 2.0, 3e8)
    store.hold(sweep.id, Hold.CANCELLED)
    assert usage_of_sweep(store, sweep.id) == usage_of_user(store, "ann") == Usage(4e8, 5.0)


def test_a_run_cancelled_in_training_keeps_what_it_reached(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0, 10.0)])
    driver = store.start_driver("boot", [], "")
    fence = claim(store, "run0", 0, driver, "w")
    store.hold(sweep.id, Hold.CANCELLED)
    assert usage_of_sweep(store, sweep.id) == Usage(GIGA, 10.0), "it still trains"
    end_attempt(store, "run0", fence, Outcome(Cause.PREEMPTED, seconds=2.0, flops=1e8))
    assert usage_of_sweep(store, sweep.id) == Usage(1e8, 2.0)


def test_a_retry_pays_for_the_rest_only(store: Store) -> None:
    """4e8 FLOPs were reached and paid for; the retry resumes from there."""
    sweep = store.submit(sweep_record(), [new_run(0, 10.0)])
    driver = store.start_driver("boot", [], "")
    attempt(store, driver, Cause.CONFIGURATION, 3.0, 4e8)
    assert usage_of_sweep(store, sweep.id) == Usage(4e8, 3.0)
    store.retry([sweep.id])
    assert usage_of_sweep(store, sweep.id) == Usage(GIGA, 13.0)
    attempt(store, driver, Cause.CONFIGURATION, 2.0, 3e8)
    assert usage_of_sweep(store, sweep.id) == Usage(4e8, 5.0), "it came no further"
    store.retry([sweep.id])
    attempt(store, driver, Cause.DIVERGED, 1.0, 6e8)
    assert usage_of_sweep(store, sweep.id) == Usage(6e8, 6.0)


def test_a_retry_that_ends_done_pays_for_the_whole_run_once(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0, 10.0)])
    driver = store.start_driver("boot", [], "")
    attempt(store, driver, Cause.CONFIGURATION, 3.0, 4e8)
    store.retry([sweep.id])
    attempt(store, driver, Cause.PREEMPTED, 5.0, 7e8)
    attempt(store, driver, Cause.DONE, 2.0, GIGA)
    assert usage_of_sweep(store, sweep.id) == Usage(GIGA, 10.0)


def test_a_rerun_pays_for_everything_again(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0, 10.0)])
    driver = store.start_driver("boot", [], "")
    attempt(store, driver, Cause.DONE, 3.0, GIGA)
    store.rerun(sweep.id)
    assert usage_of_sweep(store, sweep.id) == Usage(2 * GIGA, 13.0)
    attempt(store, driver, Cause.PREEMPTED, 4.0, 2e8)
    store.hold(sweep.id, Hold.CANCELLED)
    assert usage_of_sweep(store, sweep.id) == Usage(GIGA + 2e8, 7.0)
    store.retry([sweep.id])
    assert usage_of_sweep(store, sweep.id) == Usage(GIGA + 2e8, 7.0), "the earlier result stands: nothing is left"
    store.rerun(sweep.id)
    attempt(store, driver, Cause.DONE, 6.0, GIGA)
    assert usage_of_sweep(store, sweep.id) == Usage(2 * GIGA + 2e8, 13.0)


def test_more_flops_than_nominal_are_the_nominal_ones(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    attempt(store, store.start_driver("boot", [], ""), Cause.DIVERGED, 1.0, 3e9)
    assert usage_of_sweep(store, sweep.id) == Usage(GIGA, 1.0)


def test_a_report_that_comes_late_or_twice_is_charged_once(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0, 10.0)])
    driver = store.start_driver("boot", [], "")
    first = claim(store, "run0", 0, driver, "w")
    end_attempt(store, "run0", first, Outcome(Cause.ORPHANED, seconds=1.0, flops=1e8))
    second = claim(store, "run0", first, driver, "w")
    with pytest.raises(StaleAttempt):
        end_attempt(store, "run0", first, Outcome(Cause.DONE, result(9.0), seconds=50.0, flops=GIGA))
    assert (store.run("run0").state, store.run("run0").loss) == (RunState.RUNNING, None)
    done = Outcome(Cause.DONE, result(2.0), seconds=4.0, flops=GIGA)
    assert store.end_all([("run0", second, done), ("run0", second, done)]) == [RunState.DONE, None]
    with pytest.raises(StaleAttempt):
        end_attempt(store, "run0", second, replace(done, seconds=70.0))
    assert usage_of_sweep(store, sweep.id) == Usage(GIGA, 5.0)
    assert [a.seconds for a in store.attempts_of("run0")] == [1.0, 4.0]


# a run of two sweeps


def test_a_shared_run_is_paid_for_by_its_first_sweep_alone(store: Store) -> None:
    first = store.submit(sweep_record("first", user="ann"), [new_run(0, 10.0)])
    second = store.submit(sweep_record("second", user="bob"), [new_run(0, 10.0), new_run(1, 5.0)])
    assert usage_of_sweep(store, first.id) == Usage(GIGA, 10.0)
    assert usage_of_sweep(store, second.id) == usage_of_user(store, "bob") == Usage(2e9, 5.0)
    assert store.open_charges(["run0", "run1"]) == {
        "run0": OpenCharge(first.id, "first", None, None, 10.0, 0.0),
        "run1": OpenCharge(second.id, "second", None, None, 5.0, 0.0),
    }


def test_another_sweep_pays_from_the_next_attempt_on(store: Store) -> None:
    first = store.submit(sweep_record("first", user="ann"), [new_run(0, 10.0)])
    second = store.submit(sweep_record("second", user="bob", ceiling_seconds=30.0), [new_run(0, 10.0)])
    driver = store.start_driver("boot", [], "")
    attempt(store, driver, Cause.PREEMPTED, 7.0, 4e8)
    charge = store.hand_over("run0", second.id, Ceilings())
    assert charge == OpenCharge(second.id, "second", None, 30.0, 10.0, 0.0)
    assert usage_of_sweep(store, first.id) == usage_of_user(store, "ann") == Usage(4e8, 7.0)
    assert usage_of_sweep(store, second.id) == Usage(6e8, 10.0)
    attempt(store, driver, Cause.LOST, 3.0, 5e8)
    assert store.open_charges(["run0"])["run0"].taken == 3.0, "of its own attempts"
    attempt(store, driver, Cause.DONE, 2.0, GIGA)
    assert usage_of_sweep(store, first.id) == Usage(4e8, 7.0)
    assert usage_of_sweep(store, second.id) == usage_of_user(store, "bob") == Usage(6e8, 5.0)


def test_a_sweep_that_may_not_pay_takes_nothing_over(store: Store) -> None:
    first = store.submit(sweep_record("first"), [new_run(0, 10.0)])
    second = store.submit(sweep_record("second", ceiling_flops=5e8), [new_run(0, 10.0)])
    with pytest.raises(CeilingExceeded, match=r"sweep second would come to 1e\+09 FLOPs"):
        store.hand_over("run0", second.id, Ceilings())
    assert store.open_charges(["run0"])["run0"].sweep_id == first.id
    assert usage_of_sweep(store, first.id) == Usage(GIGA, 10.0)


def test_the_present_attempt_of_a_run_without_a_charge_is_paid_for(store: Store) -> None:
    """Homes of the first release have runs in training that nothing was reserved for."""
    import sqlalchemy as sa

    from orchestrator.store import tables as t

    store.submit(sweep_record("first"), [new_run(0, 10.0)])
    driver = store.start_driver("boot", [], "")
    attempt(store, driver, Cause.PREEMPTED, 7.0, 4e8)
    fence = claim(store, "run0", 1, driver, "w")
    with store.writing() as db:
        db.execute(sa.delete(t.charges))
    second = store.submit(sweep_record("second"), [new_run(0, 10.0)])
    end_attempt(store, "run0", fence, Outcome(Cause.DONE, result(), seconds=2.0, flops=GIGA))
    assert usage_of_sweep(store, second.id) == Usage(GIGA, 2.0)


# all or nothing


def test_a_submission_whose_retry_exceeds_a_ceiling_stores_nothing(store: Store) -> None:
    old = store.submit(sweep_record("old", user="ann"), [new_run(0)])
    driver = store.start_driver("boot", [], "")
    attempt(store, driver, Cause.CONFIGURATION, 1.0, 0.0)
    with pytest.raises(CeilingExceeded):
        store.submit(sweep_record("new", user="bob", ceiling_flops=2.5e9), [new_run(0), new_run(1)], retry=True)
    assert [s.name for s in store.sweeps()] == ["old"]
    assert {r.id: r.state for r in store.runs_in(*RunState)} == {"run0": RunState.FAILED}
    assert usage_of_sweep(store, old.id) == Usage(0.0, 1.0)
    made = store.submit(sweep_record("new", user="bob", ceiling_flops=3e9), [new_run(0), new_run(1)], retry=True)
    assert store.state_counts(made.id) == {RunState.QUEUED: 2}


@pytest.mark.parametrize("again", ["retry", "rerun"])
def test_a_held_sweep_that_may_not_pay_for_its_return_stays_held_and_as_it_was(store: Store, again: str) -> None:
    sweep = store.submit(sweep_record(user="ann"), [new_run(0), new_run(1)])
    driver = store.start_driver("boot", [], "")
    attempt(store, driver, Cause.DONE if again == "rerun" else Cause.CONFIGURATION, 1.0, GIGA)
    store.hold(sweep.id, Hold.PAUSED, "lunch")
    before, requests = store.runs_of(sweep.id), store.requests()
    with pytest.raises(CeilingExceeded):
        store.submit(
            sweep_record(user="ann"),
            [new_run(0), new_run(1)],
            Ceilings(seconds=100.0) if again == "retry" else Ceilings(flops=3.5e9),
            retry=True,
            rerun=again == "rerun",
        )
    held = store.sweep("demo")
    assert (held.held, held.held_reason, store.runs_of(sweep.id)) == (Hold.PAUSED, "lunch", before)
    assert store.requests() == requests


def test_a_retry_of_several_revisions_is_one_step(store: Store) -> None:
    first = store.submit(sweep_record(user="ann"), [new_run(0)])
    second = store.submit(sweep_record(revision="bbbb0000", user="ann", ceiling_flops=1.5e9), [new_run(1)][:0])
    store.hold(first.id, Hold.CANCELLED)
    third = store.submit(sweep_record(revision="cccc0000", user="ann"), [new_run(1)])
    store.hold(third.id, Hold.CANCELLED)
    revisions = [first.id, second.id, third.id]
    with pytest.raises(CeilingExceeded, match="user ann would come to"):
        store.retry(revisions, Ceilings(flops=2.5e9))
    assert store.sweep_by_id(first.id).held is store.sweep_by_id(third.id).held is Hold.CANCELLED
    assert {run.state for run in store.runs_in(*RunState)} == {RunState.CANCELLED}
    assert store.retry(revisions, Ceilings(flops=3e9)) == 2
    assert [store.sweep_by_id(revision).held for revision in revisions] == [None, None, None]


def test_attached_runs_that_failed_are_queued_again_and_no_others(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    store.add_runs(sweep.id, [replace(new_run(1), role="validation")])
    driver = store.start_driver("boot", [], "")
    for run_id in ("run0", "run1"):
        failed = Outcome(Cause.CONFIGURATION, seconds=1.0)
        end_attempt(store, run_id, claim(store, run_id, 0, driver, "w"), failed)
    store.add_runs(sweep.id, [replace(new_run(1), role="validation")])
    states = {run.id: run.state for run in store.runs_of(sweep.id)}
    assert states == {"run0": RunState.FAILED, "run1": RunState.QUEUED}


def test_runs_are_attached_all_or_none(store: Store) -> None:
    sweep = store.submit(sweep_record(ceiling_flops=4e9), [new_run(0)])
    with pytest.raises(CeilingExceeded):
        store.add_runs(sweep.id, [replace(new_run(i), role="validation") for i in (1, 2)])
    assert [run.id for run in store.runs_of(sweep.id)] == ["run0"]
    assert [run.id for run in store.runs_in(*RunState)] == ["run0"]


def test_a_hold_that_yields_keeps_an_earlier_one(store: Store) -> None:
    sweep = store.submit(sweep_record(), [new_run(0)])
    store.hold(sweep.id, Hold.CANCELLED, "enough")
    store.hold(sweep.id, Hold.PAUSED, "the ceiling", unless_held=True)
    assert store.sweep("demo").on_hold == "cancelled: enough"
    store.release(sweep.id)
    store.hold(sweep.id, Hold.PAUSED, "the ceiling", unless_held=True)
    assert store.sweep("demo").on_hold == "paused: the ceiling"

"""Quotas of users and groups: FLOPs, device-seconds, and sweeps at a time; nothing is stored beyond one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.attempts import Outcome
from orchestrator.people import ITSELF, Quota, Role
from orchestrator.settings import Ceilings
from orchestrator.states import Cause, Hold
from orchestrator.store import CeilingExceeded, QuotaReached, Store, SweepRecord, Usage
from orchestrator.store.quotas import compare
from sweeps.plan.rounds import Round, Stop
from tests.unit.orchestrator.store_fixtures import claim, end_attempt, new_run, result, sweep_record


def add(store: Store, name: str, quota: Quota, group: str = "") -> None:
    store.add_account(name, Role.SUBMITTER, group, ITSELF)
    store.change_account(name, ITSELF, None, None, quota)


def submit(store: Store, user: str, number: int, ceilings: Ceilings | None = None) -> SweepRecord:
    """A sweep of one run, of (number + 1) · 1e9 FLOPs and 10 s."""
    return store.submit(sweep_record(f"s{number}", user=user), [new_run(number, 10.0)], ceilings)


@pytest.mark.parametrize(
    ("quota", "message"),
    [
        (Quota(flops=2.5e9), r"user ann would come to 3e\+09 FLOPs, above the quota of 2.5e\+09"),
        (Quota(seconds=15.0), r"user ann would come to 20 device-seconds, above the quota of 15"),
        (Quota(sweeps=1), r"user ann would have 2 unfinished sweeps, above the quota of 1 at a time: wait"),
    ],
)
@pytest.mark.parametrize("grouped", [False, True])
def test_a_submission_beyond_a_quota_stores_nothing(store: Store, quota: Quota, message: str, grouped: bool) -> None:
    if grouped:
        add(store, "ann", Quota(), "lab")
        add(store, "bob", Quota(), "lab")
        store.set_group("lab", quota, ITSELF)
    else:
        add(store, "ann", quota)
    submit(store, "bob" if grouped else "ann", 0)
    with pytest.raises(QuotaReached, match=message.replace("user ann", "group lab") if grouped else message):
        submit(store, "ann", 1)
    assert [s.name for s in store.sweeps()] == ["s0"]
    submit(store, "tom", 1)


def test_an_account_without_a_quota_has_the_usual_ceiling_and_one_with_its_own_has_not(store: Store) -> None:
    usual = Ceilings(flops=1.5e9)
    add(store, "ann", Quota())
    add(store, "bob", Quota(flops=1e12))
    with pytest.raises(CeilingExceeded, match="above the ceiling of"):
        submit(store, "ann", 1, usual)
    assert submit(store, "bob", 1, usual).user == "bob"


def test_the_usual_ceiling_of_seconds_is_none_where_the_account_has_its_own(store: Store) -> None:
    usual = Ceilings(seconds=15.0)
    add(store, "ann", Quota(flops=1e12))
    add(store, "bob", Quota(seconds=25.0))
    for number in (0, 1):
        submit(store, "bob", number, usual)
    submit(store, "ann", 2, usual)
    with pytest.raises(CeilingExceeded, match="user ann would come to 20 device-seconds, above the ceiling of 15"):
        submit(store, "ann", 3, usual)


def test_a_quota_may_be_reached_whatever_the_rounding_of_its_sum() -> None:
    compare("ann", Usage(0.1 + 0.2, 0.0), Ceilings(0.3))
    with pytest.raises(CeilingExceeded, match=r"ann would come to 0[.]3 FLOPs, above"):
        compare("ann", Usage(0.3 + 1e-9, 0.0), Ceilings(0.3))


def test_an_ended_or_cancelled_sweep_makes_room_and_a_retry_needs_it(store: Store) -> None:
    add(store, "ann", Quota(sweeps=1))
    first = submit(store, "ann", 0)
    store.hold(first.id, Hold.CANCELLED)
    second = submit(store, "ann", 1)
    with pytest.raises(QuotaReached):
        store.retry([first.id])
    assert store.sweep_by_id(first.id).held is Hold.CANCELLED, "all of it, or nothing"
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "run1", claim(store, "run1", 0, driver, "w"), Outcome(Cause.DONE, result()))
    assert store.state_counts(second.id) and store.retry([first.id]) == 1


def test_a_run_grows_within_the_quota_of_seconds(store: Store) -> None:
    add(store, "ann", Quota(), "lab")
    submit(store, "ann", 0)
    assert not store.open_charges(["run0"])["run0"].quota
    store.set_group("lab", Quota(seconds=30.0), ITSELF)
    assert store.open_charges(["run0"])["run0"].quota
    store.extend("run0", 25.0, Ceilings())
    with pytest.raises(QuotaReached, match="group lab would come to 40 device-seconds"):
        store.extend("run0", 40.0, Ceilings())


def test_an_adaptive_sweep_counts_until_it_has_ended(store: Store) -> None:
    add(store, "ann", Quota(sweeps=1))
    rounds = (Round(("run0",), 0.0),)
    first = store.submit(replace(sweep_record("a", user="ann"), rounds=rounds), [new_run(0)])
    driver = store.start_driver("boot", [], "")
    end_attempt(store, "run0", claim(store, "run0", 0, driver, "w"), Outcome(Cause.DONE, result()))
    with pytest.raises(QuotaReached, match="2 unfinished sweeps"):
        submit(store, "ann", 1)
    assert store.add_round(first.id, 1, Round((), 1e9, stop=Stop.SPENT), [])
    assert submit(store, "ann", 1).user == "ann"


def test_an_adaptive_sweep_whose_run_has_failed_decides_nothing_and_makes_room(store: Store) -> None:
    add(store, "ann", Quota(sweeps=1))
    store.submit(replace(sweep_record("a", user="ann"), rounds=(Round(("run0",), 0.0),)), [new_run(0)])
    number = claim(store, "run0", 0, store.start_driver("boot", [], ""), "w")
    end_attempt(store, "run0", number, Outcome(Cause.CONFIGURATION, detail="no such field"))
    assert submit(store, "ann", 1).user == "ann"

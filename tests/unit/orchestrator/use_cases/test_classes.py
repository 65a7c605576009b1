"""A class is made from a roster, all or none, with equal quotas and tokens that are shown once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestrator.boards import NewEntry
from orchestrator.errors import NotFound
from orchestrator.people import AccountError, Quota, digest_of
from orchestrator.use_cases.classes import class_json, enrol, names_of
from tests.unit.orchestrator.store_fixtures import new_run, sweep_record
from tests.unit.orchestrator.use_cases.board_homes import ADA, ANN, asked
from tests.unit.orchestrator.use_cases.homes import finish, open_home


def test_a_roster_is_read_line_by_line() -> None:
    assert names_of("ann, Ann Smith\n\n# away: eve\nbob # left-handed\ncy\tx\n") == ["ann", "bob", "cy"]
    with pytest.raises(AccountError, match="user 'Ann'"):
        names_of("Ann\n")


def test_all_get_an_account_a_token_and_the_same_quota(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    tokens = enrol(home, "cs", ["ann", "bob", "cy"], Quota(flops=1e10, sweeps=2), 30, ADA)
    store = home.store
    assert list(tokens) == ["ann", "bob", "cy"] and len(set(tokens.values())) == 3
    holders = [store.holders()[digest_of(token)] for token in tokens.values()]
    assert [holder.name for holder in holders] == ["ann", "bob", "cy"]
    assert {round(((holder.expires_at or 0) - time.time()) / 86400) for holder in holders} == {30}
    assert {(each.group, each.role, each.quota) for each in store.accounts()} == {
        ("cs", "submitter", Quota(1e10, None, 2))
    }
    assert [entry.action for entry in store.audit()].count("user add") == 3
    assert store.audit()[0].detail == "3 accounts, each quota flops 10000000000.0, quota sweeps 2"
    assert not any(token in repr(store.audit()) for token in tokens.values())


def test_a_roster_is_enrolled_whole_or_not_at_all(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    enrol(home, "cs", ["bob"], Quota(), None, ADA)
    with pytest.raises(AccountError, match="there is a user bob already"):
        enrol(home, "cs", ["ann", "bob"], Quota(), None, ADA)
    assert [account.name for account in home.store.accounts()] == ["bob"]
    with pytest.raises(AccountError, match="names ann twice"):
        enrol(home, "cs", ["ann", "ann"], Quota(), None, ADA)
    with pytest.raises(AccountError, match="and this one has 0"):
        enrol(home, "cs", [], Quota(), None, ADA)
    with pytest.raises(AccountError, match="from 1 to 500 names, one a line, and this one has 501"):
        enrol(home, "cs", [f"u{i}" for i in range(501)], Quota(), None, ADA)


def test_a_class_shows_what_each_spent_and_has_left(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    enrol(home, "cs", ["ann", "bob"], Quota(flops=1e10), None, ADA)
    home.store.submit(sweep_record(user="ann"), [new_run(0), new_run(1)])
    finish(home, "run0")
    enrol(home, "other", ["cy"], Quota(), None, ADA)
    for name, group in (("all", ""), ("ours", "cs"), ("theirs", "other")):
        home.store.add_board(asked(name=name, group=group), None, ADA)
    for name in ("all", "ours"):
        home.store.add_entry(name, NewEntry(runs=("run0",), flops=1e9, scores=(2.5,)), ANN)
    ann, bob = class_json(home, "cs")
    assert (ann["user"], ann["flops_spent"], ann["flops_reserved"], ann["flops_left"]) == ("ann", 1e9, 2e9, 7e9)
    assert ann["entries"] == 2 and [row["entries"] for row in class_json(home, "other")] == [0]
    assert (bob["flops_planned"], bob["flops_left"], bob["entries"]) == (0, 1e10, 0)
    with pytest.raises(NotFound, match="the group 'none' has no accounts"):
        class_json(home, "none")

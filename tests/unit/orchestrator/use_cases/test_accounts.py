"""Accounts: tokens that are named, hashed, expire and are revoked; who is let in when there are none."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestrator.errors import NotFound
from orchestrator.people import AccountError, Quota, Role, digest_of
from orchestrator.store import Unavailable
from orchestrator.store import tables as t
from orchestrator.use_cases.accounts import (
    Entry,
    Members,
    account_json,
    add_token,
    add_user,
    change_user,
    groups,
    operator,
    revoke,
    set_group,
    users,
)
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.use_cases.homes import open_home


@pytest.fixture
def home(tmp_path: Path) -> Workspace:
    return open_home(tmp_path)


def test_without_accounts_everybody_is_the_user_of_the_settings(home: Workspace) -> None:
    assert Members(home).entry("") == Members(home).entry("any") == Entry(False, "me", Role.ADMIN)
    assert operator(home).role is Role.ADMIN


def test_the_services_own_token_keeps_its_meaning(home: Workspace) -> None:
    members = Members(home, "0123456789abcdef")
    assert members.entry("0123456789abcdef") == Entry(True, "me", Role.ADMIN)
    assert members.entry("") == members.entry("0123456789abcde") == Entry(True)
    token = add_user(home, "rita", Role.READER, "", "laptop", None)
    assert members.entry(token) == Entry(True, "rita", Role.READER)
    assert members.entry("0123456789abcdef") == Entry(True, "me", Role.ADMIN)


def test_the_first_account_closes_the_service_at_once(home: Workspace) -> None:
    members = Members(home)
    assert not members.entry("").closed
    token = add_user(home, "ada", Role.ADMIN, "", "laptop", None)
    assert members.entry("") == Entry(True) and members.entry(token) == Entry(True, "ada", Role.ADMIN)


def test_only_a_hash_of_a_token_is_stored(home: Workspace) -> None:
    token = add_user(home, "ada", Role.ADMIN, "", "laptop", None)
    assert token.startswith("isoflop_") and len(token) > 48 and token != add_token(home, "ada", "desk", None)
    home.close()
    stored = b"".join(path.read_bytes() for path in home.home.root.glob("isoflop.db*"))
    assert token.encode() not in stored and digest_of(token).encode() in stored


def test_tokens_expire_and_are_revoked_one_by_one_or_with_their_account(home: Workspace) -> None:
    members = Members(home)
    laptop = add_user(home, "ada", Role.ADMIN, "", "laptop", 1.0)
    desk, phone = (add_token(home, "ada", name, None) for name in ("desk", "phone"))
    revoke(home, "ada", "desk")
    assert [members.entry(each).role for each in (laptop, desk, phone)] == [Role.ADMIN, None, Role.ADMIN]
    with home.store.writing() as db:
        db.execute(sa.update(t.tokens).where(t.tokens.c.name == "laptop").values(expires_at=time.time() - 1))
    assert members.entry(laptop).role is None
    revoke(home, "ada", None)
    assert members.entry(phone).role is None
    with pytest.raises(NotFound, match="has no token 'nothing'"):
        revoke(home, "ada", "nothing")
    again = add_user(home, "ada", Role.READER, "", "new", None)
    assert members.entry(again).role is Role.READER and members.entry(phone).role is None


def test_a_service_whose_last_account_was_closed_stays_closed(home: Workspace) -> None:
    members = Members(home)
    add_user(home, "ada", Role.ADMIN, "", "laptop", None)
    revoke(home, "ada", None)
    assert members.entry("") == Entry(True)


@pytest.mark.parametrize("name", ["", "Ada", "a b", "-a", "x" * 65, "a/b", "é", "[red]"])
def test_names_are_plain(home: Workspace, name: str) -> None:
    with pytest.raises(AccountError, match="lower-case letters, digits"):
        add_user(home, name, Role.READER, "", "laptop", None)
    assert users(home) == []


def test_accounts_and_groups_are_listed_with_what_they_may_take(home: Workspace) -> None:
    add_user(home, "ada", Role.SUBMITTER, "lab", "laptop", None)
    change_user(home, "ada", Role.ADMIN, None, Quota(flops=1e12))
    change_user(home, "ada", None, "class", Quota(sweeps=2))
    set_group(home, "class", Quota(seconds=3600))
    ((account, tokens),) = users(home)
    assert (account.role, account.group, account.quota) == (Role.ADMIN, "class", Quota(1e12, None, 2))
    assert [token.name for token in tokens] == ["laptop"] and groups(home) == {"class": Quota(None, 3600.0, None)}
    assert account_json(home, operator(home))["quota"] == {"flops": None, "seconds": None, "sweeps": None}
    with pytest.raises(AccountError, match="there is a user ada already"):
        add_user(home, "ada", Role.READER, "", "laptop", None)
    with pytest.raises(AccountError, match="has had a token laptop already"):
        add_token(home, "ada", "laptop", None)
    with pytest.raises(NotFound, match="there is no user 'bob'"):
        change_user(home, "bob", Role.READER, None, Quota())


def test_members_are_let_in_while_the_database_is_away(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    members, strangers = Members(home), Members(home)
    token = add_user(home, "ada", Role.ADMIN, "", "laptop", None)
    assert members.entry(token).role is Role.ADMIN

    def away() -> None:
        raise Unavailable("locked")

    monkeypatch.setattr(home.store, "stamp", away)
    assert members.entry(token).role is Role.ADMIN and members.entry("wrong").role is None
    with pytest.raises(Unavailable):
        strangers.entry(token)

"""Who is let in: tokens that expire and are revoked, the service's own, and everybody where there are none."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestrator.errors import NotFound
from orchestrator.people import Role
from orchestrator.store import Unavailable
from orchestrator.store import tables as t
from orchestrator.use_cases.accounts import add_token, add_user, operator, revoke
from orchestrator.use_cases.members import Entry, Members
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


def test_who_was_let_in_is_known_without_a_look_until_something_is_written(home: Workspace) -> None:
    members = Members(home)
    token = add_user(home, "ada", Role.READER, "", "laptop", None)
    assert members.entry_at(token, members.stamp()) is None, "nothing was read yet"
    entry = members.entry(token)
    assert members.entry_at(token, members.stamp()) == entry == Entry(True, "ada", Role.READER)
    assert members.entry_at("", members.stamp()) == Entry(True)
    revoke(home, "ada", None)
    assert members.entry_at(token, members.stamp()) is None


def test_no_stamp_is_known_while_the_database_is_away(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    members = Members(home)
    assert members.stamp() is not None

    def away(*, wait: bool) -> None:
        assert not wait
        raise Unavailable("locked")

    monkeypatch.setattr(home.store, "stamp", away)
    assert members.stamp() is None

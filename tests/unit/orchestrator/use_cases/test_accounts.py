"""Accounts: named plainly, with tokens of which only a hash is stored, listed with what they may take."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import NotFound
from orchestrator.people import AccountError, Quota, Role, digest_of
from orchestrator.use_cases.accounts import (
    account_json,
    add_token,
    add_user,
    change_user,
    operator,
    revoke,
    set_group,
    users_json,
)
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.use_cases.homes import open_home


@pytest.fixture
def home(tmp_path: Path) -> Workspace:
    return open_home(tmp_path)


def test_only_a_hash_of_a_token_is_stored(home: Workspace) -> None:
    token = add_user(home, "ada", Role.ADMIN, "", "laptop", None)
    assert token.startswith("isoflop_") and len(token) > 48 and token != add_token(home, "ada", "desk", None)
    home.close()
    stored = b"".join(path.read_bytes() for path in home.home.root.glob("isoflop.db*"))
    assert token.encode() not in stored and digest_of(token).encode() in stored


@pytest.mark.parametrize("name", ["", "Ada", "a b", "-a", "x" * 65, "a/b", "é", "[red]"])
def test_names_are_plain(home: Workspace, name: str) -> None:
    with pytest.raises(AccountError, match="lower-case letters, digits"):
        add_user(home, name, Role.READER, "", "laptop", None)
    assert users_json(home) == []


def test_accounts_and_groups_are_listed_with_what_they_may_take(home: Workspace) -> None:
    add_user(home, "ada", Role.SUBMITTER, "lab", "laptop", None)
    change_user(home, "ada", Role.ADMIN, None, Quota(flops=1e12))
    change_user(home, "ada", None, "class", Quota(sweeps=2))
    set_group(home, "class", Quota(seconds=3600))
    ada, group = users_json(home)
    assert (ada["role"], ada["group"], ada["tokens"], ada["weight"]) == ("admin", "class", "laptop", 1.0)
    assert (ada["quota_flops"], ada["quota_hours"], ada["quota_sweeps"], ada["closed"]) == (1e12, None, 2, None)
    assert group == {"group": "class", "quota_flops": None, "quota_hours": 1.0, "quota_sweeps": None}
    assert account_json(home, operator(home))["quota"] == {"flops": None, "seconds": None, "sweeps": None}
    with pytest.raises(AccountError, match="there is a user ada already"):
        add_user(home, "ada", Role.READER, "", "laptop", None)
    with pytest.raises(AccountError, match="has had a token laptop already"):
        add_token(home, "ada", "laptop", None)
    with pytest.raises(NotFound, match="there is no user 'bob'"):
        change_user(home, "bob", Role.READER, None, Quota())


def test_a_closed_account_is_opened_with_a_token_or_not_at_all(home: Workspace) -> None:
    add_user(home, "ada", Role.ADMIN, "", "first", None)
    revoke(home, "ada", None)
    with pytest.raises(AccountError, match="user ada is closed: `isoflop user add ada --token NAME` opens it again"):
        add_token(home, "ada", "desk", None)
    length = home.store.audit_length()
    with pytest.raises(AccountError, match="has had a token first already: give another name with --token"):
        add_user(home, "ada", Role.READER, "", "first", None)
    (closed,) = home.store.accounts()
    assert closed.closed_at is not None and closed.role is Role.ADMIN and home.store.audit_length() == length
    token = add_user(home, "ada", Role.READER, "", "second", None)
    assert home.store.holders()[digest_of(token)].role is Role.READER

"""Accounts on both databases: what the use cases' tests of accounts show on SQLite holds on PostgreSQL."""

from __future__ import annotations

import pytest

from orchestrator.people import ITSELF, AccountError, Quota, Role
from orchestrator.store import Holder, NewToken, Store


def test_accounts_tokens_and_groups_are_stored_and_read(store: Store) -> None:
    assert not store.has_accounts() and store.holders() == {}
    store.add_account("ada", Role.ADMIN, "lab", ITSELF)
    store.add_token("ada", NewToken("laptop", "d" * 64, 30.0), ITSELF)
    store.add_token("ada", NewToken("desk", "e" * 64, None), ITSELF)
    store.revoke_token("ada", "desk", ITSELF)
    store.change_account("ada", ITSELF, Role.SUBMITTER, None, Quota(sweeps=2))
    requests = store.requests()
    store.change_account("ada", ITSELF, None, None, Quota(), 2.5)
    assert store.weights() == {"ada": 2.5} and store.requests() > requests, "the scheduler hears of it"
    store.set_group("lab", Quota(flops=1e15), ITSELF)
    store.set_group("lab", Quota(seconds=60.0), ITSELF)
    (account,) = store.accounts()
    laptop, desk = store.tokens()
    assert (account.role, account.quota) == (Role.SUBMITTER, Quota(None, None, 2))
    assert laptop.expires_at == pytest.approx(laptop.made_at + 30 * 86400) and desk.revoked_at is not None
    assert store.holders() == {"d" * 64: Holder("ada", Role.SUBMITTER, laptop.expires_at)}
    assert store.groups() == {"lab": Quota(1e15, 60.0, None)}
    with pytest.raises(AccountError):
        store.add_account("ada", Role.READER, "", ITSELF)
    store.close_account("ada", ITSELF)
    assert store.has_accounts() and store.holders() == {} and store.accounts()[0].closed_at is not None
    store.add_account("ada", Role.READER, "", ITSELF)
    assert store.accounts()[0].closed_at is None and store.holders() == {}, "its old tokens stay revoked"

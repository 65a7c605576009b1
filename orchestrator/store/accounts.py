"""Accounts in the database: their roles, groups, quotas and tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, insert, select, update

import orchestrator.store.tables as t
from orchestrator.errors import NotFound
from orchestrator.people import AccountError, Actor, Quota, Role
from orchestrator.store.audit import note
from orchestrator.store.database import Database
from orchestrator.store.quotas import QUOTA_COLUMNS, quota_of
from orchestrator.store.runs import bump_requests


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """A user of a service."""

    name: str
    """Name, which owns sweeps and is charged for them."""
    role: Role
    """What the account may do."""
    group: str
    """Group whose quota it shares; empty for none."""
    made_at: float
    """Seconds since the epoch, by the database's clock."""
    closed_at: float | None
    """Since when it is closed; None while it is open."""
    quota: Quota
    """What it may take."""
    weight: float = 1.0
    """Share of the devices that it gets beside others, compared with theirs."""


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token of an account, without the token itself."""

    account: str
    """Name of the account."""
    name: str
    """What its owner calls it."""
    made_at: float
    """Seconds since the epoch, by the database's clock."""
    expires_at: float | None
    """Seconds since the epoch; None if it does not expire."""
    revoked_at: float | None
    """Since when it is no longer let in; None while it is."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a token lets in."""

    name: str
    """Name of the account."""
    role: Role
    """What the account may do."""
    expires_at: float | None
    """When the token expires, seconds since the epoch; None for never."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to be stored."""

    name: str
    """What its owner calls it."""
    digest: str
    """Its hash."""
    days: float | None
    """Days until it expires; None for never."""


class Accounts(Database):
    """The part of the store that knows accounts."""

    def add_account(self, name: str, role: Role, group: str, by: Actor, first: NewToken | None = None) -> None:
        """Make an account with its first token, or open one again that was closed, in one transaction.

        Raises AccountError for an open account, and for a token's name that a closed one has used.
        """
        with self.writing() as db:
            _open_account(db, name, role, group, by, self.now(db))
            if first is not None:
                _add_token(db, name, first, self.now(db), by)

    def enrol(self, tokens: Mapping[str, NewToken], group: str, quota: Quota, by: Actor) -> None:
        """Make a submitter's account with its first token for each name, all with the same quota, or none of them.

        Raises AccountError.
        """
        with self.writing() as db:
            now = self.now(db)
            for name, token in tokens.items():
                _open_account(db, name, Role.SUBMITTER, group, by, now)
                _add_token(db, name, token, now, by)
            values = _columns(quota)
            db.execute(update(t.accounts).where(t.accounts.c.name.in_(tokens)).values(**values))
            given = {column: value for column, value in values.items() if value is not None}
            note(
                db, now, by, "class enrol", group, f"{len(tokens)} accounts, each {_listed(given) or 'without a quota'}"
            )

    def change_account(
        self, name: str, by: Actor, role: Role | None, group: str | None, quota: Quota, weight: float | None = None
    ) -> None:
        """Change what is given of an account's role, group, quota and weight. Raises NotFound."""
        given = {"role": role, "group_name": group, "weight": weight, **_columns(quota)}
        values = {column: value for column, value in given.items() if value is not None}
        with self.writing() as db:
            _account(db, name)
            if values:
                db.execute(update(t.accounts).where(t.accounts.c.name == name).values(**values))
            note(db, self.now(db), by, "user set", name, _listed(values))
            bump_requests(db)

    def close_account(self, name: str, by: Actor) -> None:
        """Close an account and revoke its tokens; its sweeps stay. Raises NotFound."""
        with self.writing() as db:
            account, now = _account(db, name), self.now(db)
            mine = (t.tokens.c.account_id == account.id) & t.tokens.c.revoked_at.is_(None)
            db.execute(update(t.tokens).where(mine).values(revoked_at=now))
            db.execute(update(t.accounts).where(t.accounts.c.id == account.id).values(closed_at=now))
            note(db, now, by, "user close", name)

    def add_token(self, account: str, token: NewToken, by: Actor) -> None:
        """Store a new token. Raises NotFound, and AccountError for a name that is taken or a closed account."""
        with self.writing() as db:
            _add_token(db, account, token, self.now(db), by)

    def revoke_token(self, account: str, name: str, by: Actor) -> None:
        """Let a token in no longer. Raises NotFound."""
        with self.writing() as db:
            now = self.now(db)
            mine = (t.tokens.c.account_id == _account(db, account).id) & (t.tokens.c.name == name)
            if not db.execute(update(t.tokens).where(mine).values(revoked_at=now)).rowcount:
                raise NotFound(f"user {account} has no token {name!r}: `isoflop user ls` lists them")
            note(db, now, by, "token revoke", account, f"token {name}")

    def set_group(self, name: str, quota: Quota, by: Actor) -> None:
        """Change what is given of a group's quota; the group is made if there is none."""
        values = {column: value for column, value in _columns(quota).items() if value is not None}
        with self.writing() as db:
            if db.execute(select(t.groups.c.name).where(t.groups.c.name == name)).first() is None:
                db.execute(insert(t.groups).values(name=name))
            if values:
                db.execute(update(t.groups).where(t.groups.c.name == name).values(**values))
            note(db, self.now(db), by, "group set", name, _listed(values))

    def accounts(self) -> list[AccountRecord]:
        """All accounts by name, closed ones included."""
        with self.reading() as db:
            return [_to_account(row) for row in db.execute(select(t.accounts).order_by(t.accounts.c.name))]

    def groups(self) -> dict[str, Quota]:
        """The quotas of all groups that have one, by name."""
        with self.reading() as db:
            return {row.name: quota_of(row) for row in db.execute(select(t.groups).order_by(t.groups.c.name))}

    def tokens(self) -> list[TokenRecord]:
        """All tokens by account and age, those included that are no longer let in."""
        columns = ("name", "made_at", "expires_at", "revoked_at")
        query = select(t.accounts.c.name.label("account"), *(t.tokens.c[name] for name in columns))
        query = query.join(t.accounts, t.accounts.c.id == t.tokens.c.account_id).order_by("account", t.tokens.c.id)
        with self.reading() as db:
            return [TokenRecord(**row._mapping) for row in db.execute(query)]

    def weights(self) -> dict[str, float]:
        """What accounts weigh where devices are shared between users, by name."""
        with self.reading() as db:
            return {row.name: row.weight for row in db.execute(select(t.accounts.c.name, t.accounts.c.weight))}

    def has_accounts(self) -> bool:
        """Whether there is any account, open or closed: from the first one on a service asks for tokens."""
        with self.reading() as db:
            return db.execute(select(t.accounts.c.id).limit(1)).first() is not None

    def holders(self) -> dict[str, Holder]:
        """Whom the tokens that are neither revoked nor of a closed account let in, by their hashes."""
        query = (
            select(t.tokens.c.digest, t.accounts.c.name, t.accounts.c.role, t.tokens.c.expires_at)
            .join(t.accounts, t.accounts.c.id == t.tokens.c.account_id)
            .where(t.tokens.c.revoked_at.is_(None) & t.accounts.c.closed_at.is_(None))
        )
        with self.reading() as db:
            return {row.digest: Holder(row.name, Role(row.role), row.expires_at) for row in db.execute(query)}


def _columns(quota: Quota) -> dict[str, Any]:
    """A quota as columns."""
    return {column: getattr(quota, name) for name, column in QUOTA_COLUMNS.items()}


def _open_account(db: Connection, name: str, role: Role, group: str, by: Actor, now: float) -> None:
    """Make an account, or open one again that was closed. Raises AccountError for an open one."""
    known = db.execute(select(t.accounts.c.closed_at).where(t.accounts.c.name == name)).first()
    if known is not None and known.closed_at is None:
        raise AccountError(
            f"there is a user {name} already: `isoflop user token {name}` makes another token, "
            f"`isoflop user set {name}` changes the role"
        )
    values: dict[str, Any] = {"role": role, "group_name": group, "closed_at": None}
    if known is None:
        db.execute(insert(t.accounts).values(name=name, made_at=now, **values))
    else:
        db.execute(update(t.accounts).where(t.accounts.c.name == name).values(**values))
    note(db, now, by, "user add", name, _described(role, group))


def _account(db: Connection, name: str) -> Row[*tuple[Any, ...]]:
    """The row of an account. Raises NotFound."""
    row = db.execute(sa.select(t.accounts).where(t.accounts.c.name == name)).first()
    if row is None:
        raise NotFound(f"there is no user {name!r}: `isoflop user ls` lists them")
    return row


def _add_token(db: Connection, account: str, token: NewToken, now: float, by: Actor) -> None:
    """Store a new token of an open account. Raises NotFound, AccountError."""
    owner, days = _account(db, account), token.days
    if owner.closed_at is not None:
        raise AccountError(
            f"user {account} is closed: `isoflop user add {account} --token NAME` opens it again, with a "
            "token of a new name"
        )
    same = (t.tokens.c.account_id == owner.id) & (t.tokens.c.name == token.name)
    if db.execute(select(t.tokens.c.id).where(same)).first() is not None:
        raise AccountError(f"user {account} has had a token {token.name} already: give another name with --token")
    values = {"account_id": owner.id, "name": token.name, "digest": token.digest, "made_at": now}
    db.execute(insert(t.tokens).values(**values, expires_at=None if days is None else now + days * 86400))
    lasting = "for ever" if days is None else f"{days:g} days"
    note(db, now, by, "token add", account, f"token {token.name}, {lasting}")


def _to_account(row: Row[*tuple[Any, ...]]) -> AccountRecord:
    """A row of `accounts` as a record."""
    return AccountRecord(
        row.name, Role(row.role), row.group_name, row.made_at, row.closed_at, quota_of(row), row.weight
    )


def _described(role: str, group: str) -> str:
    """An account in the log."""
    return f"role {role}" + (f", group {group}" if group else "")


def _listed(values: dict[str, Any]) -> str:
    """Changed columns in the log."""
    return ", ".join(f"{name.removesuffix('_name').replace('_', ' ')} {value}" for name, value in values.items())

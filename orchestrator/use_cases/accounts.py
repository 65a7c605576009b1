"""Accounts of a service: made, changed, closed; and who a token lets in, read again after each change."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.people import Actor, Quota, Role, check_name, digest_of, new_token
from orchestrator.store import AccountRecord, Holder, StoreError, TokenRecord
from orchestrator.use_cases.workspace import Workspace


def operator(workspace: Workspace) -> Actor:
    """Whoever can write into the home itself: they may do everything, under the name of the settings."""
    return Actor(workspace.settings.user, Role.ADMIN)


def add_user(workspace: Workspace, name: str, role: Role, group: str, token: str, days: float | None) -> str:
    """Make an account with its first token, which is returned and not stored.

    Args:
        workspace: the service's home.
        name: of the account.
        role: what it may do.
        group: whose quota it shares; empty for none.
        token: what the token is called.
        days: after which the token expires; None for never.

    Raises:
        AccountError.
    """
    check_name(name, "user")
    check_name(token, "token")
    if group:
        check_name(group, "group")
    workspace.store.add_account(name, role, group, operator(workspace))
    return add_token(workspace, name, token, days)


def add_token(workspace: Workspace, user: str, token: str, days: float | None) -> str:
    """Make another token of an account, which is returned and not stored. Raises NotFound, AccountError."""
    check_name(token, "token")
    secret = new_token()
    workspace.store.add_token(user, token, digest_of(secret), days, operator(workspace))
    return secret


def change_user(
    workspace: Workspace, name: str, role: Role | None, group: str | None, quota: Quota, weight: float | None = None
) -> None:
    """Change what is given of an account's role, group, quota and weight. Raises NotFound, AccountError."""
    if group:
        check_name(group, "group")
    workspace.store.change_account(name, operator(workspace), role, group, quota, weight)


def set_group(workspace: Workspace, name: str, quota: Quota) -> None:
    """Change what is given of a group's quota. Raises AccountError."""
    workspace.store.set_group(check_name(name, "group"), quota, operator(workspace))


def revoke(workspace: Workspace, user: str, token: str | None) -> None:
    """Let a token in no longer; without its name the account is closed with all of them. Raises NotFound."""
    if token is None:
        workspace.store.close_account(user, operator(workspace))
    else:
        workspace.store.revoke_token(user, token, operator(workspace))


def users(workspace: Workspace) -> list[tuple[AccountRecord, list[TokenRecord]]]:
    """All accounts by name, each with its tokens."""
    tokens = workspace.store.tokens()
    return [(each, [token for token in tokens if token.account == each.name]) for each in workspace.store.accounts()]


def groups(workspace: Workspace) -> dict[str, Quota]:
    """The quotas of all groups that have one."""
    return workspace.store.groups()


def account_json(workspace: Workspace, actor: Actor) -> dict[str, Any]:
    """An actor's name, role, group, quota, and what they have reserved and spent, for JSON."""
    lines = workspace.store.ledger(actor.name)
    used = {
        "flops": sum(line.flops.reserved + line.flops.spent for line in lines),
        "seconds": sum(line.seconds.reserved + line.seconds.spent for line in lines),
    }
    account = next((each for each in workspace.store.accounts() if each.name == actor.name), None)
    group, quota = (account.group, account.quota) if account else ("", Quota())
    return {"name": actor.name, "role": actor.role, "group": group, "quota": asdict(quota), "used": used}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a service's door knows of a caller."""

    closed: bool
    """Whether the service needs a token."""
    name: str = ""
    """Name of the caller; empty for nobody."""
    role: Role | None = None
    """Their role; None for whoever is not let in."""


class Members:
    """Who may call a service: by its own token, by an account's, or anybody while it has neither."""

    def __init__(self, workspace: Workspace, token: str | None = None) -> None:
        """The members of a home's service; `token` is the service's own, which makes an admin of who has it."""
        self._workspace = workspace
        self._token = token
        self._lock = threading.Lock()
        self._stamp: Hashable = None
        self._accounts = False
        self._holders: Mapping[str, Holder] | None = None

    def entry(self, token: str) -> Entry:
        """Who has a token; without accounts and a token of the service's own, everybody is its user.

        Raises StoreError.
        """
        user = self._workspace.settings.user
        if self._token and hmac.compare_digest(token.encode(), self._token.encode()):
            return Entry(True, user, Role.ADMIN)
        known = self._known()
        if not self._token and not self._accounts:
            return Entry(False, user, Role.ADMIN)
        holder = known.get(digest_of(token))
        if holder is None or (holder.expires_at is not None and holder.expires_at <= time.time()):
            return Entry(True)
        return Entry(True, holder.name, holder.role)

    def _known(self) -> Mapping[str, Holder]:
        """The holders of tokens as they are now; as they were last while the database is away. Raises StoreError."""
        with self._lock:
            try:
                stamp = self._workspace.store.stamp()
                if self._holders is None or stamp != self._stamp:
                    self._accounts = self._workspace.store.has_accounts()
                    self._holders, self._stamp = self._workspace.store.holders(), stamp
            except StoreError:
                if self._holders is None:
                    raise
            return self._holders

"""Accounts of a service: made, changed, closed, listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from orchestrator.people import Actor, Quota, Role, check_name, digest_of, new_token
from orchestrator.store import NewToken, TokenRecord
from orchestrator.use_cases.workspace import Workspace


def operator(workspace: Workspace) -> Actor:
    """Whoever can write into the home itself: they may do everything, under the name of the settings."""
    return Actor(workspace.settings.user, Role.ADMIN)


def add_user(
    workspace: Workspace, name: str, role: Role, group: str, token: str, days: float | None, by: Actor | None = None
) -> str:
    """Make an account, or open a closed one, with a token, which is returned and not stored.

    Args:
        workspace: the service's home.
        name: of the account.
        role: what it may do.
        group: whose quota it shares; empty for none.
        token: what the token is called.
        days: after which the token expires; None for never.
        by: who asks for it; None for the operator.

    Raises:
        AccountError.
    """
    check_name(name, "user")
    check_name(token, "token")
    if group:
        check_name(group, "group")
    secret = new_token()
    workspace.store.add_account(name, role, group, by or operator(workspace), NewToken(token, digest_of(secret), days))
    return secret


def add_token(workspace: Workspace, user: str, token: str, days: float | None, by: Actor | None = None) -> str:
    """Make another token of an account, which is returned and not stored. Raises NotFound, AccountError."""
    check_name(token, "token")
    secret = new_token()
    workspace.store.add_token(user, NewToken(token, digest_of(secret), days), by or operator(workspace))
    return secret


def change_user(
    workspace: Workspace,
    name: str,
    role: Role | None,
    group: str | None,
    quota: Quota,
    weight: float | None = None,
    by: Actor | None = None,
) -> None:
    """Change what is given of an account's role, group, quota and weight. Raises NotFound, AccountError."""
    if group:
        check_name(group, "group")
    workspace.store.change_account(name, by or operator(workspace), role, group, quota, weight)


def set_group(workspace: Workspace, name: str, quota: Quota, by: Actor | None = None) -> None:
    """Change what is given of a group's quota. Raises AccountError."""
    workspace.store.set_group(check_name(name, "group"), quota, by or operator(workspace))


def revoke(workspace: Workspace, user: str, token: str | None, by: Actor | None = None) -> None:
    """Let a token in no longer; without its name the account is closed with all of them. Raises NotFound."""
    if token is None:
        workspace.store.close_account(user, by or operator(workspace))
    else:
        workspace.store.revoke_token(user, token, by or operator(workspace))


def users_json(workspace: Workspace) -> list[dict[str, Any]]:
    """The accounts with their tokens and quotas, then the quotas of groups: a row each, for JSON and tables."""
    tokens = workspace.store.tokens()
    rows = [
        {
            "user": account.name,
            "role": str(account.role),
            "group": account.group,
            "tokens": ", ".join(
                _named(each) for each in tokens if (each.account, each.revoked_at) == (account.name, None)
            ),
            **_quota_json(account.quota),
            "weight": account.weight,
            "closed": account.closed_at and _day(account.closed_at),
        }
        for account in workspace.store.accounts()
    ]
    return rows + [{"group": name, **_quota_json(quota)} for name, quota in workspace.store.groups().items()]


def _quota_json(quota: Quota) -> dict[str, Any]:
    """The cells of a quota."""
    hours = None if quota.seconds is None else quota.seconds / 3600
    return {"quota_flops": quota.flops, "quota_hours": hours, "quota_sweeps": quota.sweeps}


def _named(token: TokenRecord) -> str:
    """A token by its name, with the day on which it expires."""
    return token.name if token.expires_at is None else f"{token.name} until {_day(token.expires_at)}"


def _day(seconds: float) -> str:
    """The day of a time in seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


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


def group_members(workspace: Workspace) -> Mapping[str, int]:
    """How many open accounts each group has; those in none are under the empty name."""
    return Counter(each.group for each in workspace.store.accounts() if each.closed_at is None)

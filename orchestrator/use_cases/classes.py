"""Classes: accounts made from a roster with equal quotas, and what each of them has spent and entered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from orchestrator.errors import NotFound
from orchestrator.people import AccountError, Actor, Quota, check_name, digest_of, new_token
from orchestrator.store import NewToken
from orchestrator.use_cases.workspace import Workspace

LARGEST_CLASS = 500
"""Most names of a roster."""
CLASS_COLUMNS = (
    "user", "quota_flops", "flops_planned", "flops_reserved", "flops_spent", "flops_refunded", "flops_left", "entries",
)  # fmt: skip
"""Columns of a class."""


def names_of(roster: str) -> list[str]:
    """The names in a roster: one a line, and what follows a comma, a space or `#` is left out. Raises AccountError."""
    lines = (re.split(r"[,\s#]", line.strip(), maxsplit=1)[0] for line in roster.splitlines())
    return [check_name(name, "user") for name in lines if name]


def enrol(
    workspace: Workspace, group: str, names: Sequence[str], quota: Quota, days: float | None, by: Actor
) -> dict[str, str]:
    """Make an account for each name, all or none, with equal quotas; returns their tokens, which are not stored.

    Args:
        workspace: the service's home.
        group: the class.
        names: of its members.
        quota: what each of them may take.
        days: after which their tokens expire; None for never.
        by: who asks for it.

    Raises:
        AccountError.
    """
    check_name(group, "group")
    if not 1 <= len(names) <= LARGEST_CLASS:
        raise AccountError(f"a roster has from 1 to {LARGEST_CLASS} names, one a line, and this one has {len(names)}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise AccountError(f"the roster names {', '.join(twice)} twice")
    secrets = {check_name(name, "user"): new_token() for name in names}
    tokens = {name: NewToken("first", digest_of(secret), days) for name, secret in secrets.items()}
    workspace.store.enrol(tokens, group, quota, by)
    return secrets


def class_json(workspace: Workspace, group: str) -> list[dict[str, Any]]:
    """What each member of a class may take, planned, spent and entered, for JSON and tables. Raises NotFound."""
    members = [account for account in workspace.store.accounts() if account.group == group]
    if not members:
        raise NotFound(f"the group {group[:80]!r} has no accounts: `isoflop user ls` lists the groups")
    boards = [board for board in workspace.store.boards() if board.asked.group in ("", group)]
    entered = [entry.user for board in boards for entry in workspace.store.entries(board.id)]
    ledger = workspace.store.ledger()
    rows = []
    for account in members:
        mine = [line.flops for line in ledger if line.user == account.name]
        amounts = {
            name: sum(getattr(line, name) for line in mine) for name in ("planned", "reserved", "spent", "refunded")
        }
        quota = account.quota.flops
        left = None if quota is None else quota - amounts["reserved"] - amounts["spent"]
        rows.append(
            {"user": account.name, "quota_flops": quota}
            | {f"flops_{name}": amount for name, amount in amounts.items()}
            | {"flops_left": left, "entries": entered.count(account.name)}
        )
    return rows

"""Who a token lets into a service: read again after each change, and kept while the database is away."""

from __future__ import annotations

import hmac
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from orchestrator.people import Role, digest_of
from orchestrator.store import Holder
from orchestrator.use_cases.fresh import Fresh
from orchestrator.use_cases.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Entry:
    """What a service's door knows of a caller."""

    closed: bool
    """Whether the service needs a token."""
    name: str = ""
    """Name of the caller; empty for nobody."""
    role: Role | None = None
    """Their role; None for whoever is not let in."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read of the accounts."""

    stamp: Hashable
    """The database's stamp, taken before anything was read."""
    accounts: bool
    """Whether there is an account."""
    holders: Mapping[str, Holder]
    """Who holds a token, by its digest."""


class Members:
    """Who may call a service: by its own token, by an account's, or anybody while it has neither."""

    def __init__(self, workspace: Workspace, token: str | None = None) -> None:
        """The members of a home's service; `token` is the service's own, which makes an admin of who has it."""
        self._workspace = workspace
        self._token = token
        self._known: Fresh[_Known] = Fresh(self._read)

    def entry(self, token: str) -> Entry:
        """Who has a token; without accounts and a token of the service's own, everybody is its user.

        Raises StoreError.
        """
        user = self._workspace.settings.user
        if self._token and hmac.compare_digest(token.encode(), self._token.encode()):
            return Entry(True, user, Role.ADMIN)
        known = self._known.get()
        if not self._token and not known.accounts:
            return Entry(False, user, Role.ADMIN)
        holder = known.holders.get(digest_of(token))
        if holder is None or (holder.expires_at is not None and holder.expires_at <= time.time()):
            return Entry(True)
        return Entry(True, holder.name, holder.role)

    def _read(self, earlier: _Known | None) -> _Known:
        """The holders of tokens as they are now. Raises StoreError."""
        store = self._workspace.store
        stamp = store.stamp()
        if earlier is not None and earlier.stamp == stamp:
            return earlier
        return _Known(stamp, store.has_accounts(), store.holders())

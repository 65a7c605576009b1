"""Who a token lets into a service: read again after each change, and kept while the database is away."""

from __future__ import annotations

import hmac
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from orchestrator.people import Role, digest_of
from orchestrator.store import Holder, StoreError
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
        return self._by_own(token) or self._of(self._known.get(), token)

    def stamp(self) -> Hashable:
        """The database's stamp where it costs microseconds, as on SQLite; None elsewhere, and while that is away."""
        store = self._workspace.store
        if store.file is None:
            return None
        try:
            return store.stamp(wait=False)
        except StoreError:
            return None

    def entry_at(self, token: str, stamp: Hashable) -> Entry | None:
        """`entry` as it was when the database had a stamp; None if the accounts must be read for it."""
        if own := self._by_own(token):
            return own
        known = self._known.known_if(lambda read: read.stamp == stamp)
        return None if known is None else self._of(known, token)

    def _by_own(self, token: str) -> Entry | None:
        """Who has the service's own token; None for any other."""
        if self._token and hmac.compare_digest(token.encode(), self._token.encode()):
            return Entry(True, self._workspace.settings.user, Role.ADMIN)
        return None

    def _of(self, known: _Known, token: str) -> Entry:
        """Who has a token, by what is known."""
        if not self._token and not known.accounts:
            return Entry(False, self._workspace.settings.user, Role.ADMIN)
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

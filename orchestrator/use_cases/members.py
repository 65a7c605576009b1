"""Who a token lets into a service: read again after each change, and kept while the database is away."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from orchestrator.people import Role, digest_of
from orchestrator.store import Holder, StoreError
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

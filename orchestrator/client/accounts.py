"""The part of the Python client that keeps accounts, and reads the ledger and the audit log."""

from __future__ import annotations

from typing import Any

from orchestrator.client.answers import Answers
from orchestrator.client.paths import asked, quoted


class AccountVerbs(Answers):
    """What a client does with accounts, groups and what is written down about them."""

    def users(self) -> list[dict[str, Any]]:
        """The accounts and groups of a service; for admins. Raises Unreachable, Refused."""
        return self._rows("GET", "/api/v1/users")

    def add_user(self, user: str, role: str, group: str, token: str, days: float | None) -> str:
        """Make an account; returns its first token. Raises Unreachable, Refused."""
        return self._token_of(asked("/api/v1/users", user=user, role=role, group=group, token=token, days=days))

    def add_token(self, user: str, token: str, days: float | None) -> str:
        """Make another token of an account, and return it. Raises NotFound, Unreachable, Refused."""
        return self._token_of(asked(f"/api/v1/users/{quoted(user)}/tokens", token=token, days=days))

    def change_user(self, user: str, **changes: float | str | None) -> None:
        """Change an account's role, group, flops, hours, sweeps or weight. Raises NotFound, Unreachable, Refused."""
        self._call("POST", asked(f"/api/v1/users/{quoted(user)}", **changes), b"")

    def revoke(self, user: str, token: str | None) -> None:
        """Revoke a token, or close the account. Raises NotFound, Unreachable, Refused."""
        self._call("POST", asked(f"/api/v1/users/{quoted(user)}/revoke", token=token), b"")

    def set_group(self, group: str, **quota: float | None) -> None:
        """Change the flops, hours or sweeps that a group may take. Raises Unreachable, Refused."""
        self._call("POST", asked(f"/api/v1/groups/{quoted(group)}", **quota), b"")

    def _token_of(self, path: str) -> str:
        """The token that a service hands out. Raises NotFound, Unreachable, Refused."""
        answer = self._object("POST", path, b"")
        with self.understood():
            return str(answer["token"])

    def ledger(self) -> list[dict[str, Any]]:
        """What users planned, reserve, spent and got back, by sweep. Raises Unreachable, Refused."""
        return self._rows("GET", "/api/v1/ledger")

    def audit(self) -> list[dict[str, Any]]:
        """Who changed what, the latest first; for admins. Raises Unreachable, Refused."""
        return self._all("/api/v1/audit")

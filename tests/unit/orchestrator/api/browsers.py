"""A service with boards and accounts, asked as their browsers do, by cookie."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from orchestrator.api.app import create_app
from orchestrator.people import Role
from orchestrator.use_cases.accounts import add_user
from tests.unit.orchestrator.use_cases.board_homes import BoardHome


class Service:
    """A service with an admin, a submitter and a reader."""

    def __init__(self, home: BoardHome) -> None:
        self.home = home
        roles = {"ada": Role.ADMIN, "ann": Role.SUBMITTER, "rita": Role.READER}
        self.tokens = {name: add_user(home.workspace, name, role, "", "t", None) for name, role in roles.items()}
        self.client = TestClient(create_app(home.workspace), base_url="http://127.0.0.1", follow_redirects=False)

    def get(self, user: str, path: str) -> Any:
        return self.client.get(path, headers=self._cookie(user))

    def post(
        self, user: str, path: str, form: dict[str, str], headers: dict[str, str] | None = None, file: bytes = b""
    ) -> Any:
        files = {"text": ("hidden.txt", file)} if file else None
        return self.client.post(path, data=form, files=files, headers=self._cookie(user) | (headers or {}))

    def _cookie(self, user: str) -> dict[str, str]:
        return {"Cookie": f"isoflop-token={self.tokens.get(user, 'none')}"}

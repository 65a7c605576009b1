"""An admin keeps the accounts over REST as the operator does in the home; the client of isoflop is the one that asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from orchestrator.api.app import create_app
from orchestrator.client import Client
from orchestrator.people import Role
from orchestrator.use_cases.accounts import add_user
from tests.unit.orchestrator.use_cases.homes import open_home


def test_an_admin_makes_changes_and_closes_accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = open_home(tmp_path)
    token = add_user(home, "ada", Role.ADMIN, "", "first", None)
    service = TestClient(create_app(home), base_url="http://127.0.0.1")

    def call(self: Client, method: str, path: str, body: bytes | None = None) -> Any:
        answer = service.request(method, path, content=body, headers={"Authorization": f"Bearer {self._token}"})
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    monkeypatch.setattr(Client, "_call", call)
    client = Client("http://127.0.0.1:9", token)
    first = client.add_user("sam", "submitter", "lab", "laptop", 30.0)
    second = client.add_token("sam", "desk", None)
    client.change_user("sam", role="reader", flops=1e15, hours=None, weight=2.0)
    client.set_group("lab", hours=5.0)
    _, sam, lab = client.users()
    assert (sam["role"], sam["quota_flops"], sam["weight"], lab["quota_hours"]) == ("reader", 1e15, 2.0, 5.0)
    assert sam["tokens"].startswith("laptop until ") and sam["tokens"].endswith(", desk")
    for secret, status in ((first, 200), (second, 200)):
        assert service.get("/api/v1/sweeps", headers={"Authorization": f"Bearer {secret}"}).status_code == status
    client.revoke("sam", "laptop")
    assert service.get("/api/v1/sweeps", headers={"Authorization": f"Bearer {first}"}).status_code == 401
    client.revoke("sam", None)
    assert service.get("/api/v1/sweeps", headers={"Authorization": f"Bearer {second}"}).status_code == 401
    log = client.audit()
    assert {entry["user"] for entry in log if entry["subject"] in ("sam", "lab")} == {"ada"}
    assert all(entry["request"] for entry in log if entry["subject"] == "sam")
    home.close()

"""The routes that control sweeps and show logs."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from orchestrator.api.app import create_app
from orchestrator.api.sweeps import Action
from orchestrator.states import Hold
from orchestrator.use_cases.control import ACTIONS
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.use_cases.homes import small_home


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return small_home(tmp_path)


@pytest.fixture
def client(workspace: Workspace) -> TestClient:
    return TestClient(create_app(workspace), base_url="http://127.0.0.1")


def test_every_control_has_a_route() -> None:
    assert [action.value for action in Action] == list(ACTIONS)


def test_a_control_answers_with_what_became_of_it(workspace: Workspace, client: TestClient) -> None:
    answer = client.post("/api/v1/sweeps/demo/pause").json()
    assert answer == {
        "name": "demo",
        "action": "pause",
        "message": "sweep demo is paused; continue with: isoflop resume demo",
    }
    assert workspace.store.sweep("demo").held is Hold.PAUSED
    client.post("/api/v1/sweeps/demo/cancel")
    refused = client.post("/api/v1/sweeps/demo/resume")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:isoflop:state")
    assert client.post("/api/v1/sweeps/demo/explode").status_code == 422
    assert client.post("/api/v1/sweeps/nothing/pause").status_code == 404


def test_a_log_is_that_of_the_run_and_the_attempt(client: TestClient) -> None:
    (row,) = client.get("/api/v1/runs/run1/log").json()
    assert (row["kind"], row["cause"], row["detail"]) == ("attempt", "configuration", "Traceback\nno such field")
    assert client.get("/api/v1/runs/run1/log", params={"attempt": 1}).json() == [row]
    assert client.get("/api/v1/runs/run1/log", params={"attempt": 2}).status_code == 404
    assert client.get("/api/v1/runs/nothing/log").status_code == 404

"""Alive, ready and the numbers: who may ask, and what a service says that lacks something."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from orchestrator.api.app import create_app
from orchestrator.api.metrics import MEDIA_TYPE
from orchestrator.attempts import Staff
from orchestrator.store import Unavailable
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.execution import Execution
from tests.unit.orchestrator.use_cases.homes import small_home


class Working(Background):
    """A scheduler's thread that is said to run."""

    ready = True  # type: ignore[assignment]
    staff = Staff(2, 1, 0.0)  # type: ignore[assignment]


def test_a_service_with_a_scheduler_workers_and_a_database_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = small_home(tmp_path)
    background = Working(Execution(workspace))
    client = TestClient(create_app(workspace, background), base_url="http://127.0.0.1")
    assert client.get("/readyz").json() == {"ready": True}
    told = client.get("/metrics")
    assert told.headers["content-type"] == MEDIA_TYPE
    assert 'isoflop_runs{state="failed"} 1\n' in told.text and "isoflop_busy_share 0.5\n" in told.text
    assert 'isoflop_request_seconds_count{method="GET",kind="probe",status="2xx"} 1\n' in told.text

    def fail() -> int:
        raise Unavailable("the database at 192.0.2.1 is away")

    monkeypatch.setattr(workspace.store, "requests", fail)
    monkeypatch.setattr(Working, "staff", Staff(0, 0, 9.0))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["database", "workers"])
    assert answer.json()["detail"] == "missing: database, workers"


def test_without_a_scheduler_it_is_alive_but_not_ready(client: TestClient) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json()["missing"] == ["scheduler"]

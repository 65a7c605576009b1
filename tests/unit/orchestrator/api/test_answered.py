"""The types of answers: each route answers what its type says, and says so in the document."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from orchestrator.api.answered import ANSWERS

VARIANT = "?variant=qk_norm%3DTrue"
SWEEP = "/api/v1/sweeps/varied"
ADDRESSES = {
    "list_sweeps": "/api/v1/sweeps",
    "get_sweep": SWEEP,
    "get_records": f"{SWEEP}/records",
    "list_runs": f"{SWEEP}/runs",
    "get_forecasts": f"{SWEEP}/forecasts",
    "get_fit": f"{SWEEP}/fit{VARIANT}",
    "get_prediction": f"{SWEEP}/prediction{VARIANT}&flops=1e12&params=1e5",
    "get_values": f"{SWEEP}/comparison?axis=qk_norm",
    "get_chart": f"{SWEEP}/chart{VARIANT}",
    "ledger": "/api/v1/ledger",
    "audit": "/api/v1/audit",
    "account": "/api/v1/account",
    "list_users": "/api/v1/users",
    "health": "/healthz",
}


def hold(operation: str, answer: Any) -> None:
    """Hold an answer against its types; raises ValidationError."""
    rows = answer if list in ANSWERS[operation] else [answer]
    for each in (part for part in ANSWERS[operation] if part is not list):
        TypeAdapter(list[each]).validate_python(rows)


@pytest.mark.parametrize("operation", ADDRESSES)
def test_a_route_answers_what_its_type_says(client: TestClient, operation: str) -> None:
    answer = client.get(ADDRESSES[operation])
    assert answer.status_code == 200
    hold(operation, answer.json())


def test_a_run_its_curve_and_its_log(client: TestClient) -> None:
    run = client.get(SWEEP).json()["runs"][0]["run"]
    for operation, path in {"get_run": "", "curve": "/curve", "log": "/log"}.items():
        hold(operation, client.get(f"/api/v1/runs/{run}{path}").json())


def test_every_answer_in_json_has_a_type(client: TestClient) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    untyped = {
        operation["operationId"]
        for operations in paths.values()
        for operation in operations.values()
        for status in ("200", "201")
        if operation["responses"].get(status, {}).get("content", {}).get("application/json", {"schema": 1})["schema"]
        == {}
    }
    assert untyped == {"get_picture"}, "whose media type is the chart's"

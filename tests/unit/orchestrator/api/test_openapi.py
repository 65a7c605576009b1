"""The contract: every answer of every route, with and without a token, is one that the OpenAPI document declares."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from fastapi.testclient import TestClient

from orchestrator.api import boards, entering, sweeps
from orchestrator.api.app import create_app
from orchestrator.use_cases.members import Members
from orchestrator.use_cases.planning import Planning
from tests.unit.orchestrator.use_cases.homes import finish, planned, small_home

TOKEN = "0123456789abcdef"
GOOD: dict[str, tuple[str, ...]] = {
    "name": ("demo", "demo@aaaa"), "action": ("pause", "resume"), "run": ("run0", "run1"), "chart": ("isoflop",),
    "suffix": ("svg", "json"), "axis": ("lr",), "baseline": ("demo",), "other": ("demo@aaaa",), "flops": ("1e12",),
    "user": ("eve",), "token": ("desk",), "group": ("lab",),
    "program": ("llama",), "board": ("speed",),
}  # fmt: skip
"""Values of parameters that mean something."""
BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/boards": {
        "name": "speed", "metric": "bits-per-byte", "corpus": "0" * 16, "flops": 1e9, "closes": "2126-01-01T00:00Z",
        "text": "hidden",
    },
    "/api/v1/boards/{board}/entries": {"runs": ["run0"]},
    "/api/v1/boards/{board}/decide": {"sweep": "demo"},
    "/api/v1/classes/{group}": {"names": ["zoe"]},
}  # fmt: skip
"""Bodies of JSON that mean something; every other one is a sweep file."""
BAD = ("nothing", "-1", "1e400", "%00", "..%2F..", "%F0%9F%92%A5", "'; DROP TABLE runs; --", "x" * 300)
"""Values that mean nothing, whatever the parameter."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service with a token, over a home of two revisions of a sweep."""
    with pytest.MonkeyPatch.context() as patch:
        plan = planned()
        patch.setattr(Planning, "plan", lambda *_: plan)
        patch.setattr(sweeps, "received_json", lambda *_: {"runs": []})
        patch.setattr(entering, "enter_runs", lambda *_: None)
        patch.setattr(boards, "decide_board", lambda *_: None)
        workspace = small_home(tmp_path_factory.mktemp("contract"))
        finish(workspace, "run2")  # a stream of events ends with its sweep
        yield TestClient(
            create_app(workspace, members=Members(workspace, TOKEN)),
            base_url="http://127.0.0.1",
            raise_server_exceptions=False,
        )
        workspace.close()


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/v1/openapi.json", headers=bearer(TOKEN)).json()
    return found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def requests(operation: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Addresses of a route: right ones, and each parameter wrong in every way, with an unknown key."""
    parameters = [each for each in operation.get("parameters", ()) if each["in"] in ("path", "query")]
    named = [each["name"] for each in parameters if each["in"] == "path"]
    needed = [each["name"] for each in parameters if each.get("required") and each["in"] == "query"]
    usual = {name: GOOD[name][0] for name in (*named, *needed)}
    for values in product(*(GOOD[name] for name in named)):
        yield path.format(**dict(zip(named, values, strict=True))), {name: usual[name] for name in needed}
    for name, value in product(named, BAD):
        yield path.format(**{**usual, name: value}), {name: usual[name] for name in needed}
    query = [each["name"] for each in parameters if each["in"] == "query"]
    for name, value in product([*query, "no_such_key"], BAD[:3]):
        yield path.format(**usual), {key: usual[key] for key in needed} | {name: value}
    if needed:
        yield path.format(**usual), {}


def check(client: TestClient, method: str, address: str, operation: dict[str, Any], **more: Any) -> int:
    """Ask, and hold the answer against what is declared; returns its status."""
    answer = client.request(method, address, **more)
    where = f"{method} {address} {more.get('params')} → {answer.status_code} {answer.text[:200]}"
    assert answer.status_code < 500 or (address, answer.status_code) == ("/readyz", 503), where
    declared = operation["responses"].get(str(answer.status_code))
    assert declared is not None, where
    if method != "HEAD" and answer.status_code != 304:
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in declared["content"], f"{where}: {kind}"
        if answer.status_code >= 400:
            assert set(answer.json()) >= {"type", "title", "status", "detail"}
    return answer.status_code


def test_every_answer_is_declared(client: TestClient, document: dict[str, Any]) -> None:
    seen: dict[str, set[int]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            statuses = seen.setdefault(f"{method} {path}", set())
            for address, params in requests(operation, path):
                more: dict[str, Any] = {"params": params, "headers": bearer(TOKEN)}
                if method == "post":
                    more |= {"json": BODIES[path]} if path in BODIES else {"content": b"name: x\n"}
                statuses.add(check(client, method.upper(), address, operation, **more))
            address, params = next(requests(operation, path))
            for token in ("", "a wrong one"):
                asked = {"params": params, "headers": bearer(token)}
                statuses.add(check(client, method.upper(), address, operation, **asked))
            for other in {"GET", "PUT", "DELETE", "PATCH", "POST"} - {each.upper() for each in operations}:
                assert check(client, other, address, operation, headers=bearer(TOKEN)) in (404, 405, 422)
    assert len(seen) >= 20
    without_token = {route for route, statuses in seen.items() if 401 not in statuses}
    assert without_token == {"get /healthz", "get /readyz"}
    never_right = {route for route, statuses in seen.items() if not statuses & {200, 201}}
    assert never_right == {*NO_LAW, "get /readyz"}, "nothing is trained here"


NO_LAW = (
    "get /api/v1/comparison", "get /api/v1/sweeps/{name}/chart", "get /api/v1/sweeps/{name}/charts/{chart}.{suffix}",
    "get /api/v1/sweeps/{name}/comparison", "get /api/v1/sweeps/{name}/fit", "get /api/v1/sweeps/{name}/fit.csv",
    "get /api/v1/sweeps/{name}/prediction", "get /api/v1/sweeps/{name}/configuration",
)  # fmt: skip
"""Routes that refuse, because the home has too few runs for a law: test_answers.py has them right."""


def test_the_document_names_the_credentials_and_the_errors(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert set(document["components"]["securitySchemes"]) == {"bearer", "basic", "cookie"}
    assert "HTTPValidationError" not in str(document)
    fit = document["paths"]["/api/v1/sweeps/{name}/fit"]["get"]
    assert {"200", "304", "401", "404", "405", "409", "422"} <= set(fit["responses"])
    assert fit["responses"]["409"]["content"] == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    assert document["paths"]["/healthz"]["get"]["security"] == []

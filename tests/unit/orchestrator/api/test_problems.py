"""Expected errors over HTTP: a problem document with kind, status, sentence and data."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from analysis.answers.frontier import IncomparableError
from analysis.records import OutOfReachError
from orchestrator.api import problems
from orchestrator.api.problems import kind_of, reason_of
from orchestrator.errors import MEANINGS, NotFound
from sweeps.file.compose import load_sweep


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    problems.install(app)

    @app.get("/missing")
    def missing() -> None:
        raise NotFound("there is no sweep 'x'")

    @app.get("/incomparable")
    def incomparable() -> None:
        raise IncomparableError("no_overlap", "the losses never meet")

    @app.get("/far")
    def far() -> None:
        raise OutOfReachError("too far: ask nearer", "flops", 1e9, 1e15)

    @app.get("/mistaken")
    def mistaken() -> None:
        load_sweep(b"name: x\nbudgetz: [1]\n")

    @app.get("/number")
    def number(value: int) -> int:
        return value

    return TestClient(app, raise_server_exceptions=False)


def test_an_expected_error_has_the_status_of_its_kind(client: TestClient) -> None:
    answer = client.get("/missing")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:isoflop:not-found",
        "title": "not found",
        "status": MEANINGS["not-found"].status,
        "detail": "there is no sweep 'x'",
    }
    assert answer.status_code == 404


def test_data_of_an_error_are_members(client: TestClient) -> None:
    assert client.get("/incomparable").json()["reason"] == "no_overlap"
    far = client.get("/far")
    assert far.status_code == 422 and far.json() == {
        "type": "urn:isoflop:out-of-reach",
        "title": "out of reach",
        "status": 422,
        "detail": "too far: ask nearer",
        "quantity": "flops",
        "lowest": 1e9,
        "highest": 1e15,
    }
    mistake, *_ = client.get("/mistaken").json()["errors"]
    assert (mistake["pointer"], mistake["line"]) == ("budgetz", 2)
    assert "budgets" in mistake["detail"] and mistake["column"] >= 1
    assert "errors" not in client.get("/missing").json()


def test_what_may_be_said_of_an_error() -> None:
    assert kind_of(NotFound("there is no sweep 'x'")) == "not-found"
    assert reason_of(NotFound("there is no sweep 'x'")) == "there is no sweep 'x'"
    assert kind_of(ZeroDivisionError("/secret")) == "internal"
    assert reason_of(ZeroDivisionError("/secret")) == "ZeroDivisionError; the service's log has more"


def test_unknown_paths_and_bad_parameters_are_problems_too(client: TestClient) -> None:
    unknown = client.get("/nowhere")
    assert (unknown.status_code, unknown.json()["type"], unknown.json()["detail"]) == (
        404,
        "urn:isoflop:http",
        "Not Found",
    )
    bad = client.get("/number?value=many")
    assert (bad.status_code, bad.json()["type"]) == (422, "urn:isoflop:invalid-request")
    assert bad.json()["detail"].startswith("query.value: ")

"""Requests are counted by method, kind and status, and each leaves a line with its facts."""

from __future__ import annotations

import logging

import pytest
from fastapi.testclient import TestClient

from orchestrator.api.traffic import BOUNDS, Histogram, Latencies, kind_of


def test_a_bucket_holds_what_took_no_longer_than_its_bound() -> None:
    found = Histogram()
    for seconds in (0.001, BOUNDS[0], 0.006, 1e9):
        found.note(seconds)
    assert found.cumulative[:2] == [2, 3]
    assert found.cumulative[-2:] == [3, 4] and len(found.cumulative) == len(BOUNDS) + 1
    assert found.seconds == pytest.approx(1e9)


def test_what_is_read_changes_no_more() -> None:
    latencies = Latencies()
    latencies.note(("GET", "api", "2xx"), 0.01)
    before = latencies.read()
    latencies.note(("GET", "api", "2xx"), 0.01)
    assert before["GET", "api", "2xx"].cumulative[-1] == 1
    assert latencies.read()["GET", "api", "2xx"].cumulative[-1] == 2


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/api/v1/sweeps", "api"), ("/", "page"), ("/sweeps/x", "page"), ("/static/style.css", "static"), ("/metrics", "probe")],
)  # fmt: skip
def test_a_path_is_counted_by_its_beginning(path: str, kind: str) -> None:
    assert kind_of(path) == kind


def test_every_answer_leaves_a_line_also_a_refusal(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "isoflop.access"):
        client.get("/api/v1/sweeps")
        client.request("BREW", "/api/v1/sweeps", headers={"Host": "elsewhere.example"})
    first, second = [record.__dict__["facts"] for record in caplog.records if record.name == "isoflop.access"]
    assert (first["method"], first["path"], first["status"]) == ("GET", "/api/v1/sweeps", 200)
    assert 0 < first["seconds"] < 60
    assert (second["method"], second["status"]) == ("other", 403)

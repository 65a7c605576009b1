"""The routes that answer: charts in each form, tables, forecasts; once for each state of the data."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from fastapi.testclient import TestClient

from orchestrator.api import answers as module
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.workspace import Workspace

SWEEP = "/api/v1/sweeps/varied"
RIGHT = {"variant": "qk_norm=True"}


@pytest.mark.parametrize(
    ("suffix", "media_type", "start"),
    [
        ("png", "image/png", b"\x89PNG"),
        ("svg", "image/svg+xml", b"<svg"),
        ("json", "application/vnd.vegalite.v5+json", b"{"),
    ],
)
def test_a_chart_comes_in_each_form(client: TestClient, suffix: str, media_type: str, start: bytes) -> None:
    answer = client.get(f"{SWEEP}/charts/isoflop.{suffix}", params=RIGHT)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith(media_type)
    assert answer.content.startswith(start)


def test_an_unknown_chart_or_form_is_refused(client: TestClient) -> None:
    for name in ("nothing.svg", "isoflop.gif"):
        assert client.get(f"{SWEEP}/charts/{name}", params=RIGHT).status_code == 422
    none = client.get(f"{SWEEP}/charts/forecasts.svg", params=RIGHT)
    assert none.status_code == 422 and none.json()["type"] == "urn:isoflop:invalid-question"


def test_the_tables_are_those_of_the_command_line(client: TestClient, workspace: Workspace) -> None:
    answers = Answering(workspace).of("varied")
    runs = client.get(f"{SWEEP}/runs.csv")
    assert runs.headers["content-type"].startswith("text/csv") and runs.text == answers.table.to_csv(index=False)
    minima = pd.read_csv(io.StringIO(client.get(f"{SWEEP}/fit.csv", params=RIGHT).text))
    assert set(minima["flops"]) == {curve.flops for curve in answers.law("qk_norm=True").curves if curve.minima}


def test_what_was_answered_is_answered_again_without_work(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"flops": "7e12", **RIGHT}
    first = client.get(f"{SWEEP}/prediction", params=asked)
    monkeypatch.setattr(module, "reply_json", lambda _: 1 / 0)
    again = client.get(f"{SWEEP}/prediction", params=asked)
    assert again.json() == first.json() and again.headers["etag"] == first.headers["etag"]
    had = client.get(f"{SWEEP}/prediction", params=asked, headers={"If-None-Match": first.headers["etag"]})
    assert (had.status_code, had.content) == (304, b"")


def test_head_answers_like_get_without_a_body(client: TestClient) -> None:
    for path in (SWEEP, f"{SWEEP}/runs.csv", f"{SWEEP}/events", "/healthz", "/"):
        answer = client.head(path)
        assert answer.status_code == 200 and answer.content == b"", path
        assert answer.headers["content-type"]
    assert client.head("/api/v1/sweeps/nothing").status_code == 404


def test_forecasts_are_listed(client: TestClient) -> None:
    answer = client.get(f"{SWEEP}/forecasts", params={"scored": "true", "sort": "-flops"})
    assert answer.json() == [] and answer.headers["x-total-count"] == "0"


def test_a_comparison_has_its_verdict_at_the_budget_asked_for(client: TestClient) -> None:
    (made,) = client.get(f"{SWEEP}/comparison", params={"axis": "qk_norm", "flops": "5e11"}).json()["comparisons"]
    assert made["verdict"]["flops"] == pytest.approx(5e11)
    variants = {"baseline_variant": "qk_norm=True", "other_variant": "qk_norm=False"}
    asked = {"baseline": "varied", "other": "varied", "flops": "1", **variants}
    refused = client.get("/api/v1/comparison", params=asked)
    assert refused.status_code == 422 and refused.json()["type"] == "urn:isoflop:out-of-reach"


def test_an_answer_comes_as_the_configuration_of_a_program(client: TestClient) -> None:
    asked = {"flops": "2e12", **RIGHT}
    answer = client.get(f"{SWEEP}/configuration", params=asked | {"program": "llama"})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.json()["model_type"] == "llama"
    script = client.get(f"{SWEEP}/configuration", params=asked | {"program": "nanochat"})
    assert script.headers["content-type"].startswith("text/x-shellscript") and "--depth=" in script.text
    for wrong in (asked, asked | {"program": "gpt"}, RIGHT | {"program": "llama"}):
        assert client.get(f"{SWEEP}/configuration", params=wrong).status_code == 422


def test_a_law_of_another_loss(client: TestClient) -> None:
    asked = {**RIGHT, "loss_key": "bits_per_byte"}
    law = client.get(f"{SWEEP}/fit", params=asked).json()
    assert (
        law["loss_unit"] == "bits/byte" and client.get(f"{SWEEP}/fit", params=RIGHT).json()["loss_unit"] != "bits/byte"
    )
    one = client.get(f"{SWEEP}/prediction", params={**asked, "flops": 1e13}).json()["loss"]
    assert one < client.get(f"{SWEEP}/prediction", params={**RIGHT, "flops": 1e13}).json()["loss"]
    (compared,) = client.get(f"{SWEEP}/comparison", params={"axis": "qk_norm", "loss_key": "bits_per_byte"}).json()[
        "comparisons"
    ]
    assert compared["unit"] == "bits/byte"
    for path in ("fit", "fit.csv", "chart", "charts/isoflop.svg", "comparison"):
        wrong = client.get(f"{SWEEP}/{path}", params={"axis": "qk_norm", "loss_key": "loss.code", **RIGHT})
        assert wrong.status_code == 422 and "no loss 'loss.code'; they have loss, bits_per_byte" in wrong.text

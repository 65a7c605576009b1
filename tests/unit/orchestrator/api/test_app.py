"""The REST interface over a real store: what each route answers, and its events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from analysis.answers.serial import fit_json
from orchestrator.api.app import create_app
from orchestrator.cluster.head_watch import HeadLost
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.planning import Planning
from orchestrator.use_cases.received import MOST_RUNS
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.api.varied import FILE
from tests.unit.orchestrator.use_cases.homes import open_home, planned
from tokenizer.corpus import CorpusError
from tokenizer.files import OUTSIDE, Reach

RIGHT = {"variant": "qk_norm=True"}


def client_of(workspace: Workspace, background: Background | None = None) -> TestClient:
    return TestClient(create_app(workspace, background), base_url="http://127.0.0.1")


def test_sweeps_are_listed_with_their_progress(client: TestClient, workspace: Workspace) -> None:
    (listed,) = client.get("/api/v1/sweeps").json()
    assert (listed["name"], listed["revision"]) == ("varied", "0123456789ab")
    assert listed["done"] == listed["total"] - 1 and listed["queued"] == 1
    one = client.get("/api/v1/sweeps/varied").json()
    assert listed.items() <= one.items()
    assert set(one) - set(listed) == {"source", "dropped", "runs", "rounds"}
    assert one["dropped"][0]["reason"] == "too short"
    table = Answering(workspace).of("varied").table
    assert [run["run"] for run in one["runs"]] == list(table["run"])
    assert one["runs"][-1]["loss"] is None and one["runs"][0]["loss"] == table.loc[0, "loss"]
    assert list(one["runs"][0]) == list(table.columns)


def test_a_fit_is_that_of_the_variant(client: TestClient, workspace: Workspace) -> None:
    answer = client.get("/api/v1/sweeps/varied/fit", params=RIGHT)
    law = Answering(workspace).of("varied").law(RIGHT["variant"])
    assert answer.json()["law_id"] == law.law_id
    assert set(answer.json()) == set(fit_json(law))
    unnamed = client.get("/api/v1/sweeps/varied/fit")
    assert unnamed.status_code == 409 and "choose one" in unnamed.json()["detail"]


def test_a_prediction_answers_the_question(client: TestClient) -> None:
    answer = client.get("/api/v1/sweeps/varied/prediction", params={"flops": 5e12, **RIGHT}).json()
    assert answer["flops"] == 5e12 and answer["shape"]["n_layers"] > 0
    both = client.get("/api/v1/sweeps/varied/prediction", params={"flops": 5e12, "loss": 2.0, **RIGHT})
    assert both.status_code == 422 and both.json()["type"] == "urn:isoflop:invalid-question"


def test_limited_data_are_answered_or_refused_with_how_many_can_be_asked_about(client: TestClient) -> None:
    def ask(limit: str) -> httpx.Response:
        query = {"flops": "5e12", "max_tokens": limit, **RIGHT}
        return client.get("/api/v1/sweeps/varied/prediction", params=query)

    few = ask("1")
    assert few.status_code == 422 and few.json()["type"] == "urn:isoflop:out-of-reach"
    assert "with 1 unique token at" in few.json()["detail"] and "tokens or more" in few.json()["detail"]
    scarce, plenty = ask("3e5").json(), ask("1e33").json()
    assert scarce["answer"]["loss"] > scarce["loss"] and scarce["answer"]["details"]["epochs"] > 1
    low, high = scarce["answer"]["loss_interval"]
    assert low < scarce["answer"]["loss"] < high
    for part in (scarce, scarce["answer"]):
        assert part["run_interval"][0] < part["loss_interval"][0] < part["loss_interval"][1] < part["run_interval"][1]
    assert plenty["answer"]["params"] == plenty["params"] and plenty["answer"]["loss"] == plenty["loss"]


@pytest.mark.parametrize(
    ("asked", "quantity"),
    [
        ({"flops": 1}, "flops"),
        ({"flops": 1e300}, "flops"),
        ({"gpu_hours": 1e9, "device": "h100"}, "gpu_hours"),
        ({"loss": 50}, "loss"),
        ({"loss": 1e-4}, "loss"),
        ({"flops": 5e12, "params": 1e-3}, "params"),
        ({"flops": 5e12, "too_small": 1e9}, "times_too_small"),
        ({"flops": 5e12, "inference_tokens": 1e300}, "inference_tokens"),
        ({"params": 1e300, "tokens": 1e300}, "flops"),
    ],
)
def test_a_question_beyond_the_law_is_a_problem_that_says_what_can_be_asked(
    client: TestClient, asked: dict[str, float | str], quantity: str
) -> None:
    answer = client.get("/api/v1/sweeps/varied/prediction", params=asked | RIGHT)
    document = answer.json()
    assert (answer.status_code, document["type"]) == (422, "urn:isoflop:out-of-reach")
    assert document["quantity"] == quantity and "sk " in document["detail"]
    assert document["lowest"] is not None or document["highest"] is not None


def test_values_and_sweeps_are_compared(client: TestClient) -> None:
    (values,) = client.get("/api/v1/sweeps/varied/comparison", params={"axis": "qk_norm"}).json()["comparisons"]
    assert (values["baseline"], values["other"]) == ("qk_norm=True", "qk_norm=False")
    assert values["at_largest"]["multiplier"] < 1
    named = {"baseline_variant": "qk_norm=False", "other_variant": "qk_norm=True"}
    (sweeps,) = client.get(
        "/api/v1/comparison", params={"baseline": "varied", "other": "varied", **named}
    ).json()["comparisons"]  # fmt: skip
    assert sweeps["baseline"] == "varied qk_norm=False" and sweeps["at_largest"]["multiplier"] > 1
    other = {"axis": "qk_norm", "baseline": "False"}
    (turned,) = client.get("/api/v1/sweeps/varied/comparison", params=other).json()["comparisons"]
    assert turned["baseline"] == "qk_norm=False"


def test_the_chart_is_a_vega_lite_specification(client: TestClient) -> None:
    spec = client.get("/api/v1/sweeps/varied/chart", params=RIGHT).json()
    assert spec["$schema"].startswith("https://vega.github.io/schema/vega-lite")
    assert spec["width"] == "container"


@pytest.mark.parametrize("path", ["", "/fit", "/chart", "/prediction?flops=1e12", "/events", "/comparison?axis=lr"])
def test_an_unknown_sweep_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(f"/api/v1/sweeps/nothing{path}")
    assert answer.status_code == 404 and answer.json()["type"] == "urn:isoflop:not-found"


def test_a_sweep_file_is_planned_and_submitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def plan(_self: Planning, source: bytes, overrides: list[str], within: Reach, most: int) -> Any:
        asked.append((source, overrides, within))
        assert most == MOST_RUNS
        made = planned()
        return replace(made, plan=replace(made.plan, warnings=("short",)))

    monkeypatch.setattr(Planning, "plan", plan)
    workspace = open_home(tmp_path)
    client = client_of(workspace)
    answer = client.post("/api/v1/sweeps", content=FILE, params={"override": ["a=1", "b=2"]}, auth=("ada", ""))
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == "/api/v1/sweeps/x"
    assert asked == [(FILE, ["a=1", "b=2"], Reach(()))]
    assert answer.json()["warnings"] == ["short"] and isinstance(answer.json()["dropped"], list)
    assert answer.json()["total"] == len(planned().plan.all_runs)
    assert workspace.store.sweep("x").user == "me", "the name of basic authentication is not believed"
    again = client.post("/api/v1/sweeps", content=b"x")
    assert asked[1] == (b"x", [], Reach(())) and again.status_code == 200
    assert again.json() == answer.json() | {"submitted_at": again.json()["submitted_at"]}


def test_corpora_are_looked_for_where_the_service_was_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Reach] = []

    def plan(_self: Planning, _source: bytes, _overrides: list[str], within: Reach, _most: int) -> Any:
        asked.append(within)
        raise CorpusError("no such text")

    monkeypatch.setattr(Planning, "plan", plan)
    corpora = Reach((tmp_path / "open",))
    client = TestClient(create_app(open_home(tmp_path / "home"), corpora=corpora), base_url="http://127.0.0.1")
    assert client.post("/api/v1/sweeps", content=FILE).json()["detail"] == "no such text"
    assert asked == [corpora]


@pytest.mark.parametrize("path", ["/", "/etc/shadow", "/no-such-folder/*", "/proc/self/environ", "../..", "shut.txt"])
def test_a_sweep_that_names_files_outside_is_refused_alike(tmp_path: Path, path: str) -> None:
    (tmp_path / "open").mkdir()
    app = create_app(open_home(tmp_path / "home"), corpora=Reach((tmp_path / "open",)))
    client = TestClient(app, base_url="http://127.0.0.1")
    override = [f"corpus.paths=[{path}]", "corpus.source=text", "tokenizer.kind=byte"]
    answer = client.post("/api/v1/sweeps", content=FILE, params={"override": override})
    assert answer.status_code == 422 and answer.json()["type"] == "urn:isoflop:corpus"
    assert answer.json()["detail"].startswith(OUTSIDE) and path not in answer.json()["detail"].replace(OUTSIDE, "")


def test_a_service_whose_scheduler_ended_takes_no_sweeps(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    background = Background(Execution(workspace))
    client = client_of(workspace, background)
    assert client.get("/healthz").json() == {"scheduler": "not ready"}
    assert client.get("/healthz").status_code == 200
    background.error = HeadLost("the head at 192.0.2.1 is gone")
    answer = client.post("/api/v1/sweeps", content=FILE)
    assert answer.status_code == 503 and "the head at 192.0.2.1 is gone" in answer.json()["detail"]
    health = client.get("/healthz")
    assert (health.status_code, health.json()) == (503, {"scheduler": "ended", "error": "head-lost"})


def test_a_stranger_learns_nothing_of_a_defect_of_the_scheduler(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    background = Background(Execution(workspace))
    background.error = RuntimeError("Traceback: /home/ada at 192.0.2.1")
    client = client_of(workspace, background)
    assert client.get("/healthz").json() == {"scheduler": "ended", "error": "internal"}
    detail = client.post("/api/v1/sweeps", content=FILE).json()["detail"]
    assert detail == "the scheduler ended: RuntimeError; the service's log has more"


def test_the_scheduler_starts_and_ends_with_the_application(tmp_path: Path) -> None:
    calls: list[str] = []

    class Watched(Background):
        def start(self) -> None:
            calls.append("start")

        def stop(self) -> None:
            calls.append("stop")

    workspace = open_home(tmp_path)
    with client_of(workspace, Watched(Execution(workspace))):
        assert calls == ["start"]
    assert calls == ["start", "stop"]

"""The routes of sweeps: lists by state, name and order; plans without a submission."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from orchestrator.api import sweeps
from orchestrator.api.app import create_app
from orchestrator.api.desk import Desk
from orchestrator.api.sweeps import Summaries
from orchestrator.people import Actor, Role
from orchestrator.use_cases import plan_json
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.hours import Judged
from orchestrator.use_cases.planning import Planned, Planning
from orchestrator.use_cases.submission import submit
from orchestrator.use_cases.workshop import PLANNERS, TooManyJobs
from orchestrator.use_cases.workspace import Workspace
from sweeps.plan.expected_width import USUAL_NOISE
from sweeps.plan.records import PlanError
from tests.unit.orchestrator.use_cases.homes import finish, open_home, planned

SWEEPS = "/api/v1/sweeps"
THREADS = 40
"""Threads of the service for everything that has no limit of its own."""
ADA, BOB = Actor("ada", Role.SUBMITTER), Actor("bob", Role.SUBMITTER)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, TestClient]:
    """Three sweeps, of which the first is done."""
    workspace = open_home(tmp_path_factory.mktemp("several"))
    first = submit(workspace, planned(name="alpha", budgets=(1e11,)), ADA)
    for run in workspace.store.runs_of(first.id):
        finish(workspace, run.id)
    for name, budget in (("beta", 3e11), ("gamma", 9e11)):
        submit(workspace, planned(name=name, budgets=(budget,)), BOB)
    return workspace, TestClient(create_app(workspace), base_url="http://127.0.0.1")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["gamma", "beta", "alpha"]),
        ({"sort": "submitted_at"}, ["alpha", "beta", "gamma"]),
        ({"sort": "-flops_planned", "limit": 2}, ["gamma", "beta"]),
        ({"limit": 1, "offset": 1}, ["beta"]),
        ({"state": "done"}, ["alpha"]),
        ({"name": "a", "user": "bob", "sort": "name"}, ["beta", "gamma"]),
    ],
)
def test_a_list_has_what_is_asked_for(
    several: tuple[Workspace, TestClient], query: dict[str, Any], names: list[str]
) -> None:
    answer = several[1].get(SWEEPS, params=query)
    assert [row["name"] for row in answer.json()] == names
    assert ("next" in answer.headers.get("link", "")) == ("limit" in query)


def test_the_summary_of_a_settled_sweep_is_made_once(
    several: tuple[Workspace, TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(several[0], Background(Execution(several[0])))
    made: list[str] = []
    monkeypatch.setattr(desk, "progress", lambda found: made.append(found.sweep.name) or Desk.progress(desk, found))
    summaries, listed = Summaries(desk), desk.current.listed().sweeps
    texts = [[summaries.text(each) for each in listed] for _ in range(2)]
    assert made == ["gamma", "beta", "alpha", "gamma", "beta"]
    assert texts[0] == texts[1] and [json.loads(each)["state"] for each in texts[0]] == ["queued", "queued", "done"]
    monkeypatch.setattr(sweeps, "SUMMARIES_KEPT", 1)
    assert summaries.text(listed[2]) == texts[0][2] and len(summaries._texts) == 1


def test_a_change_is_in_the_next_list(several: tuple[Workspace, TestClient]) -> None:
    client = several[1]
    before = client.get(SWEEPS)
    assert client.get(SWEEPS, headers={"If-None-Match": before.headers["etag"]}).status_code == 304
    assert client.post(f"{SWEEPS}/beta/pause").status_code == 200
    after = client.get(SWEEPS, headers={"If-None-Match": before.headers["etag"]})
    assert {row["name"]: row["state"] for row in after.json()}["beta"] == "paused"
    client.post(f"{SWEEPS}/beta/resume")


@pytest.mark.parametrize(
    ("path", "known"),
    [
        (f"{SWEEPS}/alpha?limt=3", "takes none"),
        (f"{SWEEPS}?limt=3", "limt"),
        (f"{SWEEPS}/alpha/fit?flops=1", "variant"),
    ],
)
def test_a_key_that_a_route_lacks_is_refused(several: tuple[Workspace, TestClient], path: str, known: str) -> None:
    answer = several[1].get(path)
    assert answer.status_code == 422 and answer.json()["type"] == "urn:isoflop:invalid-request"
    assert known in answer.json()["detail"]
    assert several[1].get("/sweeps/alpha?utm_source=mail").status_code == 200, "a page takes any"


def test_a_plan_is_answered_and_nothing_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = planned()
    monkeypatch.setattr(Planning, "plan", lambda *_: made)
    verdict = SimpleNamespace(to_dict=lambda: {"gives_law": True})
    monkeypatch.setattr(plan_json, "judged", lambda _, plan, __: Judged(plan, USUAL_NOISE, (), verdict))  # type: ignore[arg-type]
    workspace = open_home(tmp_path)
    client = TestClient(create_app(workspace), base_url="http://127.0.0.1")
    answer = client.post("/api/v1/plans", content=b"name: x\n")
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["runs"]) == len(made.plan.runs) and answer.json()["verdict"]["gives_law"]
    assert workspace.store.sweeps() == []


@pytest.mark.parametrize("path", ["/api/v1/plans", SWEEPS])
def test_plans_that_wait_for_a_corpus_leave_threads_for_other_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    prepared, waiting = threading.Event(), threading.Semaphore(0)

    def plan(*_: object) -> Planned:
        waiting.release()
        assert prepared.wait(30)
        raise PlanError("the corpus is too short")

    monkeypatch.setattr(Planning, "plan", plan)
    service = TestClient(create_app(open_home(tmp_path)), base_url="http://127.0.0.1")
    with service as client, ThreadPoolExecutor(THREADS) as people:
        asked = [people.submit(client.post, path, content=b"name: x\n") for _ in range(THREADS)]
        assert all(waiting.acquire(timeout=30) for _ in range(PLANNERS))
        try:
            other = ThreadPoolExecutor(1).submit(client.get, SWEEPS)
            assert other.result(10).status_code == 200
        finally:
            prepared.set()
        assert {each.result(30).status_code for each in asked} == {422}


def test_mistakes_of_a_file_have_lines_and_columns(several: tuple[Workspace, TestClient]) -> None:
    answer = several[1].post("/api/v1/plans", content=b"extends: demo\nname: x\nbugets: [1e12]\n")
    (mistake,) = answer.json()["errors"]
    assert answer.status_code == 422 and (mistake["line"], mistake["column"]) == (3, 1)
    assert "budgets" in mistake["detail"]


def test_a_grid_beyond_the_limit_of_a_service_is_refused_before_it_is_laid_out(
    several: tuple[Workspace, TestClient],
) -> None:
    answer = several[1].post("/api/v1/plans", content=b"extends: demo\nname: x\nlimits: {runs: 10001}\n")
    assert answer.status_code == 422 and "a service takes at most 10000; lower it" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/api/v1/plans", SWEEPS])
def test_who_has_too_many_plans_is_told_when_to_ask_again(tmp_path: Path, path: str) -> None:
    class Full(ThreadPoolExecutor):
        """Takes nothing."""

        def submit(self, *_: Any, **__: Any) -> Any:
            raise TooManyJobs("8 computations wait")

    client = TestClient(create_app(open_home(tmp_path), planners=Full(1)), base_url="http://127.0.0.1")
    answer = client.post(path, content=b"name: x\n")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    assert answer.json()["type"] == "urn:isoflop:too-many"

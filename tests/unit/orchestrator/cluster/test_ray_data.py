"""The process between a preparation and Ray: a line for each answer, and why the cluster does not do it.

With a real Ray: tests/chaos/test_preparation.py.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.cluster import ray_data
from orchestrator.cluster.prepare_task import Place
from orchestrator.cluster.ray_data import LOST, serve
from orchestrator.cluster.ray_session import ClusterError
from orchestrator.errors import ArtifactsAway


def test_each_request_is_answered_and_what_the_cluster_does_not_do_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []

    def joined(**asked: Any) -> tuple[int, Place]:
        seen.append(asked)
        return 2, Place(asked["folder"])

    def performed(place: Place, step: str, tasks: list[str]) -> Iterator[str]:
        for task in tasks:
            if task == "lost":
                raise ClusterError("no more")
            if task == "away":
                raise ArtifactsAway("no store")
            yield f"{place.folder} {step} {task}"

    monkeypatch.setattr(ray_data, "joined", joined)
    monkeypatch.setattr(ray_data, "finished", lambda place: seen.append({"finished": place.folder}))
    monkeypatch.setattr(ray_data, "performed", performed)
    asked = [
        {"folder": "f", "address": "x"},
        {"step": "read", "tasks": ["a", "b"]},
        {"step": "index", "tasks": ["c", "lost", "d"]},
        {"step": "index", "tasks": ["away"]},
        {},
    ]
    answers = io.StringIO()
    serve(io.StringIO("".join(json.dumps(each) + "\n" for each in asked)), answers)
    assert seen == [*asked[:1], {"finished": "f"}]
    lines = answers.getvalue().splitlines()
    assert json.loads(lines[0]) == {"result": "2"}
    assert lines[1:4] == ["f read a", "f read b", "f index c"]
    assert list(map(json.loads, lines[4:])) == [{LOST: "no more"}, {LOST: "no store"}, {"result": ""}]


def test_a_cluster_that_cannot_be_joined_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> int:
        raise ClusterError("not there")

    monkeypatch.setattr(ray_data, "joined", fail)
    answers = io.StringIO()
    serve(io.StringIO('{"folder": "f"}\n'), answers)
    assert json.loads(answers.getvalue()) == {LOST: "not there"}

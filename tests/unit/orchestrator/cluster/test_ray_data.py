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
from orchestrator.cluster.ray_data import LOST, serve
from orchestrator.cluster.ray_session import ClusterError


def test_each_request_is_answered_and_what_the_cluster_does_not_do_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def performed(folder: str, step: str, tasks: list[str]) -> Iterator[str]:
        for task in tasks:
            if task == "lost":
                raise ClusterError("no more")
            yield f"{folder} {step} {task}"

    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(ray_data, "joined", lambda **asked: seen.append(asked) or 2)
    monkeypatch.setattr(ray_data, "performed", performed)
    asked = [
        {"folder": "f", "address": "x"},
        {"step": "read", "tasks": ["a", "b"]},
        {"step": "index", "tasks": ["c", "lost", "d"]},
    ]
    answers = io.StringIO()
    serve(io.StringIO("".join(json.dumps(each) + "\n" for each in asked)), answers)
    assert seen == asked[:1]
    lines = answers.getvalue().splitlines()
    assert json.loads(lines[0]) == {"result": "2"}
    assert lines[1:4] == ["f read a", "f read b", "f index c"]
    assert json.loads(lines[4]) == {LOST: "no more"} and len(lines) == 5


def test_a_cluster_that_cannot_be_joined_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> int:
        raise ClusterError("not there")

    monkeypatch.setattr(ray_data, "joined", fail)
    answers = io.StringIO()
    serve(io.StringIO('{"folder": "f"}\n'), answers)
    assert json.loads(answers.getvalue()) == {LOST: "not there"}

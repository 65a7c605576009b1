"""One run: its attempts, and the curve that they logged together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.attempts import Outcome
from orchestrator.errors import NotFound
from orchestrator.states import Cause
from orchestrator.use_cases.run_facts import curve_json, run_json
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.use_cases.homes import end, small_home, start


def log(workspace: Workspace, run: str, number: int, tokens: list[int], loss: float) -> None:
    made = workspace.artifacts.log(run, number)
    made.append({"kind": "start", "tokens": tokens[0]})
    for each in tokens:
        made.append({"kind": "progress", "step": each // 10, "tokens": each, "loss": loss, "rank": 0})
    made.close()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A home in which a run was lost once and resumed 10 tokens before where it had been."""
    opened = small_home(tmp_path)
    log(opened, "run2", 1, [10, 20, 30], 5.0)
    end(opened, "run2", Outcome(Cause.LOST))
    start(opened, "run2")
    log(opened, "run2", 2, [30, 40], 4.0)
    return opened


def test_a_curve_has_each_step_once_as_it_was_taken_last(workspace: Workspace) -> None:
    points = curve_json(workspace, "run2")
    assert [(p["attempt"], p["tokens"], p["loss"]) for p in points] == [
        (1, 10, 5.0), (1, 20, 5.0), (2, 30, 4.0), (2, 40, 4.0)
    ]  # fmt: skip
    assert set(points[0]) == {"attempt", "step", "tokens", "loss"}
    assert curve_json(workspace, "run1") == []


def test_a_run_has_its_configuration_and_its_attempts(workspace: Workspace) -> None:
    found: dict[str, Any] = run_json(workspace, "run2")
    assert (found["id"], found["state"], found["loss"]) == ("run2", "running", None)
    assert [(a["number"], a["cause"]) for a in found["attempts"]] == [(1, "lost"), (2, None)]
    assert run_json(workspace, "run1")["error"] == "Traceback\nno such field"
    with pytest.raises(NotFound):
        run_json(workspace, "nothing")

"""One open attempt: what it logs, notes and leaves."""

from __future__ import annotations

from typing import Any

import pytest

from model.config import RunConfig
from model.train import train
from orchestrator.attempts import Assignment, RunProgress
from orchestrator.cluster.artifact_store import open_artifacts
from orchestrator.cluster.attempt import Attempt, final_event
from orchestrator.states import Cause
from tests.unit.model.model_data import small_run, write_dataset
from tests.unit.orchestrator.cluster.pool import OFF


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, RunConfig]:
    root = tmp_path_factory.mktemp("home")
    return str(root), small_run(write_dataset(root / "artifacts"), sequences=12)


def given(root: str, run: RunConfig, fence: int = 1, **more: Any) -> Assignment:
    return Assignment(run.run_id, fence, run.to_dict(), root, "s", "n", OFF, **more)


def test_events_are_logged_and_noted_until_the_result(prepared: tuple[str, RunConfig]) -> None:
    root, run = prepared
    noted: list[RunProgress] = []
    attempt = Attempt(given(root, run), noted.append)
    member = attempt.member(lambda how, seconds: None, lambda: False)
    assert (member.run, member.trunk, member.checkpoint_seconds) == (run, None, 10.0)
    result = train(member.run, member.data, member.sink, member.checkpoints, stop=member.stop)
    outcome = attempt.done(result, "Xeon", -0.5)
    attempt.close()
    assert (outcome.cause, outcome.device) == (Cause.DONE, "Xeon")
    assert outcome.result is not None and outcome.result["startup_seconds"] == 0.0
    assert noted[-1].flops == attempt.progress.flops == result.flops
    events = open_artifacts(root).events(run.run_id, 1)
    assert [events[0]["kind"], events[1]["kind"], events[-1]["kind"]] == ["attempt", "start", "result"]
    assert all(event["elapsed"] >= 0 for event in events[1:-1])
    assert final_event(result)["summary"] == {"loss": result.loss}


def test_states_that_were_kept_are_remembered(prepared: tuple[str, RunConfig]) -> None:
    root, run = prepared
    attempt = Attempt(given(root, run, fence=2), lambda _: None)
    for step in (3, 5):
        attempt.sink({"kind": "branch", "step": step, "tokens": 1, "flops": 2.0})
    attempt.sink({"kind": "progress", "step": 6, "tokens": 9, "flops": 4.0, "loss": 2.5})
    attempt.close()
    assert attempt.progress == RunProgress(9, 4.0, 2.5, frozenset({3, 5}))

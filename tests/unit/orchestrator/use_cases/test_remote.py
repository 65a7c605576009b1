"""A service that answers something else is not taken for one of this version."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.client import Client, Unreachable
from orchestrator.scheduling.progress import LiveRun, progress_json, progress_of
from orchestrator.use_cases.reading import SharedDevice, SharedWorker
from orchestrator.use_cases.records_json import records_json
from orchestrator.use_cases.remote import RemoteAnswering
from tests.unit.orchestrator.use_cases.simulated import simulated_answers

LIVE = LiveRun("a", "L2 d16", 1e11, 0.5, 3.0)
"""A run in training."""


class Answers(Client):
    """A service that answers one thing, and with the progress of a sweep."""

    def __init__(self, answer: Any, progress: Any = None) -> None:
        super().__init__("http://127.0.0.1:1")
        self.answer, self.progress = answer, progress

    def records(self, name: str) -> dict[str, Any]:
        assert name == "s"
        found: dict[str, Any] = self.answer
        return found

    def sweep(self, name: str) -> dict[str, Any]:
        assert name == "s"
        found: dict[str, Any] = self.progress
        return found


@pytest.mark.parametrize("answer", [{}, [], {"sweep": {}, "runs": [], "forecasts": [], "texts": {}}, None])
def test_what_is_no_sweep_is_a_stranger(answer: Any) -> None:
    with pytest.raises(Unreachable, match="not a service of this version"):
        RemoteAnswering(Answers(answer)).of("s")


def test_runs_are_those_of_the_service() -> None:
    answers = simulated_answers()
    records = json.loads(json.dumps(records_json(answers)))
    live = tuple(replace(LIVE, run_id=run, worker=worker) for run, worker in (("b", "w"), ("a", "w"), ("c", "v")))
    progress = progress_json(replace(progress_of(answers.runs, {}, 1), running=live))
    there = RemoteAnswering(Answers(records, json.loads(json.dumps(progress))))
    assert there.runs_of("s", 3).runs == list(answers.runs[:3]) and len(there.runs_of("s").runs) == len(answers.runs)
    assert there.runs_of("s").shared == (SharedWorker("w", ("a", "b")),) and there.runs_of("s").devices == ()
    shares = tuple(replace(LIVE, run_id=run, worker=f"{worker} on GPU 0") for run, worker in (("b", "w"), ("a", "v")))
    progress = progress_json(replace(progress_of(answers.runs, {}, 1), running=shares))
    there = RemoteAnswering(Answers(records, json.loads(json.dumps(progress))))
    assert there.runs_of("s").devices == (SharedDevice("GPU 0", ("v", "w"), ("a", "b")),)


def test_a_sweep_without_progress_is_a_strangers() -> None:
    records = json.loads(json.dumps(records_json(simulated_answers())))
    with pytest.raises(Unreachable, match="not a service of this version"):
        RemoteAnswering(Answers(records, {})).runs_of("s")

"""A service that answers something else is not taken for one of this version."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.client import Client, Unreachable
from orchestrator.use_cases.records_json import records_json
from orchestrator.use_cases.remote import RemoteAnswering
from tests.unit.orchestrator.use_cases.simulated import simulated_answers


class Answers(Client):
    """A service that answers one thing."""

    def __init__(self, answer: Any) -> None:
        super().__init__("http://127.0.0.1:1")
        self.answer = answer

    def records(self, name: str) -> dict[str, Any]:
        assert name == "s"
        found: dict[str, Any] = self.answer
        return found


@pytest.mark.parametrize("answer", [{}, [], {"sweep": {}, "runs": [], "forecasts": [], "texts": {}}, None])
def test_what_is_no_sweep_is_a_stranger(answer: Any) -> None:
    with pytest.raises(Unreachable, match="not a service of this version"):
        RemoteAnswering(Answers(answer)).of("s")


def test_runs_are_those_of_the_service() -> None:
    answers = simulated_answers()
    there = RemoteAnswering(Answers(json.loads(json.dumps(records_json(answers)))))
    assert there.runs_of("s", 3).runs == list(answers.runs[:3]) and len(there.runs_of("s").runs) == len(answers.runs)

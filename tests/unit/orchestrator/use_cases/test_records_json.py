"""What is stored of a sweep survives the journey: it answers there as it does here."""

from __future__ import annotations

import json
from pathlib import Path

from orchestrator.api.documents import json_text
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.records_json import answers_of_json, records_json
from tests.unit.orchestrator.use_cases.homes import small_home
from tests.unit.orchestrator.use_cases.simulated import simulated_answers


def test_the_law_is_the_same() -> None:
    answers = simulated_answers(vary={"context": [64, 128]})
    there = answers_of_json(json.loads(json_text(records_json(answers))))
    assert there.sweep == answers.sweep and list(there.runs) == list(answers.runs)
    assert there.table.equals(answers.table) and there.texts == answers.texts
    assert [variant.label for variant in there.variants] == [variant.label for variant in answers.variants]
    assert there.law("context=64").law_id == answers.law("context=64").law_id


def test_holds_failures_and_forecasts_come_along(tmp_path: Path) -> None:
    workspace = small_home(tmp_path)
    workspace.store.add_forecast(workspace.store.sweep("demo").id, "run0", "law", 1e12, {"loss": 3.0})
    answers = Answering(workspace).of("demo")
    there = answers_of_json(json.loads(json_text(records_json(answers))))
    assert list(there.runs) == list(answers.runs) and list(there.forecasts) == list(answers.forecasts)

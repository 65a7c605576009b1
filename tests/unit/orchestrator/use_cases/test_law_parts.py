"""A law that two processes make in parts is the one that is made at once."""

from __future__ import annotations

import json

import pytest

from analysis.answers.serial import fit_json
from orchestrator.use_cases import law_parts
from orchestrator.use_cases.law_parts import bare_law, has_parts, holdout_records, whole_law
from tests.unit.orchestrator.use_cases.simulated import simulated_answers

BUDGETS = (1e11, 2e11, 5e11, 1e12)


def test_the_parts_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, parted = simulated_answers(budgets=BUDGETS), simulated_answers(budgets=BUDGETS)
    assert not has_parts(parted, "")
    monkeypatch.setattr(law_parts, "MANY_RUNS", 10)
    assert has_parts(parted, "")
    law = whole_law(parted, "", bare_law(parted, ""), holdout_records(parted, ""))
    assert law.holdout and json.dumps(fit_json(law)) == json.dumps(fit_json(at_once.law()))

"""The sweep by which a process warms up: it has a law, whatever datasets a home has."""

from __future__ import annotations

from pathlib import Path

from orchestrator.use_cases.warm_up import sample_answers


def test_it_has_a_law(tmp_path: Path) -> None:
    answers = sample_answers(tmp_path)
    assert len(answers.law().curves) == 3 and answers.law().estimators and not list(tmp_path.iterdir())

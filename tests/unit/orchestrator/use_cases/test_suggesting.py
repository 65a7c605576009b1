"""Suggestions for sweeps: the recipe's own cells beside what was run, held to the sweep's limits and data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from analysis.records import QuestionError
from analysis.suggest.records import Target, Why
from orchestrator.use_cases.planning import Planning
from orchestrator.use_cases.suggesting import Asked, suggest_for_file
from sweeps.file.compose import load_sweep
from sweeps.file.serialise import to_yaml
from sweeps.file.spec import LimitsSpec
from sweeps.plan.expected_width import USUAL_NOISE
from sweeps.plan.plan import make_plan
from sweeps.plan.records import PlanError
from tests.unit.sweeps.plans import FACTS, Steady, facts, spec_of


class Fake:
    """Plans on a corpus that is at hand, on a device of steady speed."""

    def load(self, source: Path) -> Any:
        return load_sweep(source)

    def facts(self, spec: Any) -> Any:
        return FACTS

    def cost(self, runs: Any, spec: Any) -> Any:
        return Steady()

    def plan_spec(self, spec: Any) -> Any:
        return SimpleNamespace(plan=make_plan(spec, FACTS), data=FACTS)

    def noise(self, planned: Any) -> Any:
        return USUAL_NOISE


PLANNING = cast(Planning, Fake())


def test_a_file_without_runs_begins_with_whole_curves(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(to_yaml(replace(spec_of(), limits=LimitsSpec(flops=2e13))))
    found = suggest_for_file(PLANNING, path, Asked(1e13, spend=1e15, per_hour=True))
    assert [run.why for run in found.runs[:15]] == [Why.FIRST] * 15
    assert found.spend == 2e13
    assert any("limits.flops leaves 2e13 FLOPs" in note for note in found.notes)
    assert found.runs[-1].hours == pytest.approx(found.spent / 1e10 / 3600, rel=0.02)
    assert all(run.shape.startswith("L") for run in found.runs)


def test_a_spend_that_limits_hold_too_low_names_them_and_what_they_must_be(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(to_yaml(replace(spec_of(), limits=LimitsSpec(flops=7.05e12))))
    with pytest.raises(QuestionError, match=r"limits.flops leaves 7.05e12 FLOPs .*: raise it to 7.11e12"):
        suggest_for_file(PLANNING, path, Asked(1e13, spend=1e15))
    with pytest.raises(QuestionError, match=r"so the least is 7.11e12; smaller budgets cost less$"):
        suggest_for_file(PLANNING, path, Asked(1e13, spend=7.05e12))
    path.write_text(to_yaml(replace(spec_of(), limits=LimitsSpec(flops=7.11e12))))
    assert suggest_for_file(PLANNING, path, Asked(1e13, spend=1e15)).limited


def test_a_corpus_that_ends_first_says_what_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(to_yaml(spec_of()))
    monkeypatch.setattr(Fake, "facts", lambda self, spec: facts(2_500_000))
    found = suggest_for_file(PLANNING, path, Asked(1e13, spend=1.2e13))
    assert any(note.startswith("the corpus ends first: whole curves reach 3e11 FLOPs") for note in found.notes)
    easy = suggest_for_file(PLANNING, path, Asked(1e13, spend=1.2e13, target=Target(params_factor=50)))
    assert easy.notes == (), "nothing more is needed"
    monkeypatch.setattr(Fake, "facts", lambda self, spec: facts(30_000))
    with pytest.raises(PlanError, match=r"no cell of its budgets can be trained: .*epochs_max=5\d.* gives 3 budgets"):
        suggest_for_file(PLANNING, path, Asked(1e13))


def test_a_file_that_varies_something_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(to_yaml(spec_of(vary={"context": [128, 64]})))
    with pytest.raises(PlanError, match="leave vary out"):
        suggest_for_file(PLANNING, path, Asked(1e13))

"""The laws of further losses: one for each set, fitted once, and why there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.law import Law
from analysis.table.table import RunTable
from orchestrator.use_cases import sweep_answers as module
from orchestrator.use_cases.further_laws import FurtherLaw, further_laws
from orchestrator.use_cases.sweep_answers import SweepAnswers
from tests.unit.orchestrator.report_fixtures import law
from tests.unit.orchestrator.use_cases.simulated import simulated_answers
from tokenizer.corpus import CorpusSpec


def answers_of(**sets: float | None) -> SweepAnswers:
    """Answers of a sweep whose loss on each set is a multiple of that of the validation text, or missing."""
    plain = simulated_answers(corpus=CorpusSpec(validation={name: f"{name}.txt" for name in sets}))
    runs = []
    for run in plain.runs:
        assert run.loss is not None
        scores = {name: {"loss": by and by * run.loss, "bits_per_byte": 1.0, "tokens": 9} for name, by in sets.items()}
        runs.append(replace(run, result={"sets": scores}))
    return SweepAnswers(plain.sweep, runs, Path("/nonexistent"), texts={})


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[RunTable]:
    """The tables that were fitted, each to the same law."""
    tables: list[RunTable] = []

    def fit(table: RunTable, **_: Any) -> Law:
        tables.append(table)
        return law()

    monkeypatch.setattr(module, "fit", fit)
    return tables


def test_each_further_loss_has_a_law_that_is_fitted_once(fitted: list[RunTable]) -> None:
    answers = answers_of(wiki=2.0, code=0.5)
    answers.laws()
    for _ in range(2):
        assert further_laws(answers) == (FurtherLaw("loss.wiki", law()), FurtherLaw("loss.code", law()))
    main, wiki, code = (float(table.loss[0]) for table in fitted)
    assert (wiki / main, code / main) == pytest.approx((2, 0.5))
    assert answers.on("loss.wiki").law() is further_laws(answers)[0].law


def test_a_sweep_with_one_loss_has_none(fitted: list[RunTable]) -> None:
    assert further_laws(simulated_answers()) == () and fitted == []


def test_a_set_that_no_run_was_scored_on_says_so(fitted: list[RunTable]) -> None:
    wiki, code = further_laws(answers_of(wiki=None, code=0.5))
    assert wiki.law is None and "loss" in wiki.problem
    assert code.law is law() and code.problem == ""


def test_a_law_without_an_estimator_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "fit", lambda *_, **__: replace(law(), estimators=()))
    assert further_laws(answers_of(wiki=2.0)) == (FurtherLaw("loss.wiki", None, "no law could be fitted"),)

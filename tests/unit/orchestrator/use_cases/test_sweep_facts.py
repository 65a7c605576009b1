"""What is known of a sweep's runs: counted by variant, with the data and the forecasts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.home import Home
from orchestrator.store import StoredForecast
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.sweep_facts import facts_of_sweep
from orchestrator.use_cases.trust import Facts
from orchestrator.use_cases.workspace import Workspace


def test_a_finished_sweep(lab: SweepAnswers) -> None:
    runs = len(lab.runs)
    expected = Facts("lab", runs, runs, sweep="lab", unique_tokens=5_000_000, epochs_max=4.0)
    assert facts_of_sweep(lab) == expected


def test_runs_count_by_variant_and_those_of_validation_do_not(filled_home: Path, lab: SweepAnswers) -> None:
    answering = Answering(Workspace(Home(filled_home, "test")))
    varied = answering.of("varied")
    half = facts_of_sweep(varied, "context=64")
    assert half.name == "varied context=64" and half.sweep == "varied"
    assert 0 < half.planned < facts_of_sweep(varied).planned == len(varied.runs)
    young = facts_of_sweep(answering.of("young"))
    assert (young.done, young.planned) == (2, len(answering.of("young").runs))
    validation = replace(lab.runs[0], role="validation")
    more = SweepAnswers(lab.sweep, [*lab.runs, validation], filled_home)
    assert facts_of_sweep(more).planned == len(lab.runs)


def _forecast(inside: bool | None) -> StoredForecast:
    return StoredForecast(1, 1, "r", "law", 1e12, 0.0, {}, inside=inside)


def test_forecasts_count_once_their_run_is_trained(lab: SweepAnswers) -> None:
    forecasts = [_forecast(inside) for inside in (True, False, None, True)]
    facts = facts_of_sweep(SweepAnswers(lab.sweep, lab.runs, Path(), forecasts))
    assert (facts.forecasts_scored, facts.forecasts_inside) == (3, 2)

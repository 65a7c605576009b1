"""Answers of a sweep as configurations: the recipe's run of the optimum or of the model asked for, with its hours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.answers.ask import Question
from analysis.devices import hardware
from analysis.records import LawError
from model.config import RunConfig
from orchestrator.use_cases.configured import _hours, configured, optimum_of
from orchestrator.use_cases.sweep_answers import SweepAnswers
from sweeps.file.compose import load_sweep
from sweeps.plan.records import PlanError
from sweeps.programs.program import Program
from tests.unit.orchestrator.use_cases.simulated import simulated_answers


@pytest.fixture(scope="module")
def varied() -> SweepAnswers:
    return simulated_answers(vary={"context": [128, 64]})


def test_the_optimum_is_a_run_of_the_recipe_on_the_variants_data(varied: SweepAnswers) -> None:
    question = Question(flops=3e12)
    found, reply = optimum_of(varied, "context=64", question), varied.reply("context=64", question)
    shape = reply.prediction.shape
    assert shape is not None and found.planned.params == shape.params and found.planned.tokens == shape.tokens
    assert (found.sweep, found.model.context, found.loss) == ("s@abcd context=64", 64, reply.prediction.loss)
    assert found.run_interval == reply.prediction.run_interval and found.warnings == reply.prediction.warnings
    assert found.planned.run.dataset == varied.variant("context=64").dataset


def test_a_constraint_gives_its_model(varied: SweepAnswers) -> None:
    plain = optimum_of(varied, "context=128", Question(flops=3e12))
    small = optimum_of(varied, "context=128", Question(flops=3e12, times_too_small=3))
    assert plain.planned.params / small.planned.params == pytest.approx(3, rel=0.15)
    assert small.loss > plain.loss


def test_hours_are_those_of_the_largest_run_or_of_the_device_asked_for(varied: SweepAnswers) -> None:
    found = optimum_of(varied, "context=128", Question(flops=3e12))
    largest = max(run.flops for run in varied.variant("context=128").runs)
    assert found.hours == pytest.approx(found.planned.flops / largest / 3600), "each took a second"
    assert found.pace.endswith("the pace of the sweep's largest run, 10¹² FLOPs")
    device = hardware("h100", utilisation=0.5)
    asked = optimum_of(varied, "context=128", Question(flops=3e12, hardware=device))
    assert asked.hours == pytest.approx(device.hours(asked.planned.flops))
    assert asked.pace == "of one h100 at 50% of its peak"
    variant = varied.variant("context=128")
    untimed = replace(variant, runs=tuple(replace(run, seconds=None) for run in variant.runs))
    assert _hours(untimed, 1e12, None) == (None, "")


def test_more_text_than_the_sweep_has_is_no_refusal(varied: SweepAnswers) -> None:
    question = Question(flops=4e15)
    found = optimum_of(varied, "context=128", question)
    assert found.planned.epochs > 1
    spec = load_sweep(configured(varied, "context=128", question, Program.ISOFLOP))
    assert spec.epochs_max >= found.planned.epochs


def test_what_cannot_be_answered_is_refused(varied: SweepAnswers) -> None:
    with pytest.raises(LawError, match="choose one with --variant"):
        configured(varied, "", Question(flops=3e12), Program.LLAMA)
    with pytest.raises(PlanError, match="misses the budget by more than 1%: shorten context"):
        configured(varied, "context=128", Question(flops=1e9, params=5e4), Program.LLAMA)


def test_runs_of_the_config_are_those_of_the_grid(varied: SweepAnswers) -> None:
    """A budget and a size that the sweep has: the configuration is that run, but for its seed."""
    run = next(run for run in varied.variant("context=128").runs if run.cell and run.cell.budget == 1e12)
    assert run.cell is not None
    found = optimum_of(varied, "context=128", Question(flops=1e12, params=run.cell.params))
    assert found.planned.run == RunConfig.from_dict(run.config)

"""The answer to a question as the configuration of a program: the run of the recipe that a law recommends."""

from __future__ import annotations

import math
from dataclasses import replace

from analysis.answers.ask import Question
from analysis.devices import Hardware
from analysis.wording import format_flops
from orchestrator.use_cases.export import dataset_tokens
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.variant import Variant
from sweeps.plan.combination import Combination
from sweeps.plan.plan import plan_single
from sweeps.plan.records import DataFacts
from sweeps.programs.configuration import configuration
from sweeps.programs.optimum import Optimum
from sweeps.programs.program import Program


def configured(answers: SweepAnswers, label: str, question: Question, program: Program) -> str:
    """The answer of a variant's law as the text that a program reads.

    Raises:
        LawError, QuestionError: there is no answer.
        PlanError: no run of the recipe lands on the budget, with the reason.
    """
    return configuration(optimum_of(answers, label, question), program)


def optimum_of(answers: SweepAnswers, label: str, question: Question) -> Optimum:
    """The run of the optimum, or of the model under the question's constraint. Raises as `configured` does."""
    variant, reply = answers.variant(label), answers.reply(label, question)
    found = reply.prediction if reply.answer is None or reply.unasked else reply.answer
    first = variant.runs[0]
    tokens = dataset_tokens(answers.sweep, variant.runs)
    # A run on more text than there is is a good answer: the one who trains it has other text.
    facts = DataFacts(variant.dataset, int(first.config["model"]["vocab"]), tokens, tokens)
    spec = replace(answers.spec, epochs_max=math.inf)
    vary = Combination.of(variant.values)
    planned = plan_single(spec, facts, found.flops, found.params, vary=vary)
    hours, pace = _hours(variant, planned.flops, question.hardware)
    return Optimum(
        sweep=f"{answers.name} {label}".strip(),
        spec=answers.spec,
        planned=planned,
        loss=found.loss,
        run_interval=found.run_interval,
        loss_unit=reply.prediction.loss_unit,
        hours=hours,
        pace=pace,
        warnings=found.warnings,
    )


def _hours(variant: Variant, flops: float, hardware: Hardware | None) -> tuple[float | None, str]:
    """Hours of a run and on what they are counted: the device of the question, else the sweep's largest finished run.

    A run without a device, FLOPs or seconds of its own gives no pace.
    """
    if hardware is not None:
        return hardware.hours(flops), f"of one {hardware.device.name} at {hardware.utilisation:.0%} of its peak"
    timed = [(run.flops, run.flops_spent / run.seconds) for run in variant.runs if run.seconds and run.flops_spent]
    if not timed:
        return None, ""
    largest, pace = max(timed)
    where = f"the pace of the sweep's largest run, {format_flops(largest)} FLOPs"
    return flops / pace / 3600, f"on one worker at {format_flops(pace)} FLOP/s, {where}"

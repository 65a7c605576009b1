"""The runs that check a recipe at the ends of a sweep: batch × learning rate around the rule's own. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from model.config import TrainConfig
from sweeps.plan.combination import Combination
from sweeps.plan.records import DroppedCell, Plan, PlannedRun, RecipeTrial
from sweeps.recipes.neighbourhood import BATCHES, RATES

Retrain = Callable[[PlannedRun, TrainConfig], PlannedRun]
"""The same run with another optimisation, its duration and memory predicted anew."""


def with_checks(plan: Plan, min_steps: Callable[[Combination], int], retrain: Retrain) -> Plan:
    """The plan of a grid together with the runs that check its recipe, and the batches that cannot be tried.

    At the smallest and the largest budget the left end, the middle and the right end of the sizes that survived are
    run with each of `BATCHES` × `RATES`, with the first seed; the rule's own cell is the grid's run, and so is any
    other that the grid has already. `min_steps` gives the fewest steps of a run by combination of axes.
    """
    found = {run.run_id: run for run in plan.runs}
    untried: list[DroppedCell] = []
    for vary, run, place in _cells(plan):
        for batch_factor in BATCHES:
            reason = _reason_to_leave_out(run, batch_factor, min_steps(vary))
            if reason:
                untried.append(DroppedCell(run.budget, run.params, run.shape, reason, run.vary))
                continue
            for lr_factor in RATES:
                trial = RecipeTrial(vary, place, batch_factor, lr_factor)
                tried = _tried(run, trial, retrain)
                known = found.get(tried.run_id, tried)
                found[tried.run_id] = replace(known, checks=(*known.checks, trial))
    return replace(
        plan,
        runs=tuple(run for run in found.values() if run.role == "grid"),
        checks=tuple(run for run in found.values() if run.role == "check"),
        unchecked=tuple(untried),
    )


def _cells(plan: Plan) -> Iterator[tuple[Combination, PlannedRun, str]]:
    """The cells to check: combination of axes, the rule's own run, and its place on the curve."""
    for vary, runs in plan.by_combination.items():
        first_seeds = [run for run in runs if run.seed == 0]
        budgets = [run.budget for run in first_seeds]
        for budget in sorted({min(budgets), max(budgets)}) if budgets else ():
            curve = sorted((run for run in first_seeds if run.budget == budget), key=lambda run: run.params)
            for index, place in _places(len(curve)).items():
                yield vary, curve[index], place


def _places(count: int) -> dict[int, str]:
    """Which of `count` ascending sizes are the ends and the centre of a curve."""
    places = {0: "left end", count - 1: "right end"} if count > 1 else {}
    return places if count == 2 else places | {count // 2: "centre"}


def _reason_to_leave_out(run: PlannedRun, batch_factor: float, min_steps: int) -> str:
    """Why a cell cannot be run with the batch multiplied by this factor; empty where it can."""
    rule = run.run.train
    if rule.batch * batch_factor < 1:
        return f"recipe check with batch ×{batch_factor:g}: less than one sequence"
    steps = _with(rule, batch_factor, 1.0).steps
    if steps < min_steps:
        return f"recipe check with batch ×{batch_factor:g}: {steps} optimizer steps, fewer than {min_steps}"
    return ""


def _tried(run: PlannedRun, trial: RecipeTrial, retrain: Retrain) -> PlannedRun:
    """The run that carries out a trial: the grid's own where nothing differs from the rule."""
    if trial.batch_factor == trial.lr_factor == 1:
        return run
    train = _with(run.run.train, trial.batch_factor, trial.lr_factor)
    return replace(retrain(run, train), role="check", vary=trial.vary, shared=(), checks=())


def _with(rule: TrainConfig, batch_factor: float, lr_factor: float) -> TrainConfig:
    """The rule's optimisation with another batch and learning rate; warmup keeps its tokens."""
    warmup = rule.warmup_steps
    return replace(
        rule,
        batch=round(rule.batch * batch_factor),
        lr=rule.lr * lr_factor,
        embedding_lr=None if rule.embedding_lr is None else rule.embedding_lr * lr_factor,
        warmup_steps=None if warmup is None else round(warmup / batch_factor),
    )

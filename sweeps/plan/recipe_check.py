"""The runs that check a recipe in cells at a sweep's ends: batch × learning rate around the rule's own. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from model.config import TrainConfig
from sweeps.plan.records import CheckPoint, PlannedRun
from sweeps.recipes.neighbourhood import BATCHES, RATES


@dataclass(frozen=True)
class LeftOut:
    """A batch with which a cell cannot be checked."""

    run: PlannedRun
    """The cell's run under the rule."""
    reason: str
    """Why, and with which batch."""


Retrain = Callable[[PlannedRun, TrainConfig], PlannedRun]
"""The same run with another optimisation, its costs counted anew."""


def add_checks(
    runs: Mapping[str, PlannedRun], min_steps: Callable[[dict[str, Any]], int], retrain: Retrain
) -> tuple[dict[str, PlannedRun], list[LeftOut]]:
    """The runs of a grid by id together with those that check its recipe, and what cannot be checked.

    At the smallest and the largest budget the left end, the middle and the right end of the sizes that survived are
    run with each of `BATCHES` × `RATES`, with the first seed; the rule's own cell is the grid's run, and so is any
    other that the grid has already. `min_steps` gives the fewest steps of a run by the values of the axes.
    """
    found = dict(runs)
    left_out: list[LeftOut] = []
    for vary, run, place in _cells(tuple(runs.values())):
        for batch_factor in BATCHES:
            reason = _reason_to_leave_out(run, batch_factor, min_steps(vary))
            if reason:
                left_out.append(LeftOut(run, reason))
                continue
            for lr_factor in RATES:
                point = CheckPoint(vary, place, batch_factor, lr_factor)
                _add(found, _tried(run, point, retrain), point)
    return found, left_out


def _add(found: dict[str, PlannedRun], run: PlannedRun, point: CheckPoint) -> None:
    known = found.get(run.run_id, run)
    found[run.run_id] = replace(known, checks=(*known.checks, point))


def _cells(runs: Sequence[PlannedRun]) -> Iterator[tuple[dict[str, Any], PlannedRun, str]]:
    """The cells to check, by combination of axes, budget and place."""
    curves: dict[tuple[str, float], list[tuple[dict[str, Any], PlannedRun]]] = {}
    for run in runs:
        for vary in run.combinations if run.seed == 0 else ():
            curves.setdefault((str(vary), run.budget), []).append((vary, run))
    budgets: dict[str, list[float]] = {}
    for label, budget in curves:
        budgets.setdefault(label, []).append(budget)
    for label, ran in budgets.items():
        for budget in sorted({min(ran), max(ran)}):
            curve = sorted(curves[label, budget], key=lambda entry: entry[1].params)
            for index, place in _places(len(curve)).items():
                yield *curve[index], place


def _places(count: int) -> dict[int, str]:
    """Which of so many sizes, ascending, stand for the ends and the centre of a curve."""
    places = {0: "left end", count - 1: "right end"} if count > 1 else {}
    return places if count == 2 else places | {count // 2: "centre"}


def _reason_to_leave_out(run: PlannedRun, batch_factor: float, min_steps: int) -> str:
    """Why a cell cannot be run with so many times the batch; empty where it can."""
    rule = run.run.train
    if rule.batch * batch_factor < 1:
        return f"recipe check with batch ×{batch_factor:g}: less than one sequence"
    steps = _with(rule, batch_factor, 1.0).steps
    if steps < min_steps:
        return f"recipe check with batch ×{batch_factor:g}: {steps} optimizer steps, fewer than {min_steps}"
    return ""


def _tried(run: PlannedRun, point: CheckPoint, retrain: Retrain) -> PlannedRun:
    if point.batch_factor == point.lr_factor == 1:
        return run
    train = _with(run.run.train, point.batch_factor, point.lr_factor)
    return replace(retrain(run, train), role="check", vary=point.vary, shared=(), checks=())


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

"""Which trials a tuning trains next, and when it ends: from its file and the losses of complete rounds. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.wording import typed_flops
from model.config import RunConfig
from sweeps.file.spec import SweepSpec
from sweeps.plan.adaptive import Decision
from sweeps.plan.combination import NOTHING_VARIED
from sweeps.plan.plan import TOLERANCE
from sweeps.plan.records import DataFacts, PlanError, PlannedRun, RecipeTrial
from sweeps.plan.rounds import Round, Stop
from sweeps.recipes.tuned import settings_of, with_settings
from sweeps.tune.cells import LEFT_OUT, Field, as_trial, field_of
from sweeps.tune.sampler import promising_points, spread_points
from sweeps.tune.settings import SEARCHED, point_of, spans_of
from sweeps.tune.surface import Prior, Surface, Trials, fit_surface

Array = NDArray[np.float64]

FEWEST: Final = 6
"""Trials of each cell below which no rule is fitted."""
USUAL: Final = 12
"""Trials of each cell where no spend is given."""
FIRST: Final = 0.4
"""Share of the trials in the first round, which are spread evenly."""
LEAST_FIRST: Final = 3
"""Trials of each cell in the first round, at least."""
WORST: Final = 3.0
"""Regret above which a trial is simply bad, nats per token."""
TESTS: Final = ((1.0, 1.0), (0.5, 1.0), (2.0, 1.0), (1.0, 0.5), (1.0, 2.0))
"""Batch and learning rates of the runs that test the rules, as multiples of theirs; the first is the rule itself."""


@dataclass(frozen=True)
class Trial:
    """A run of a complete round."""

    run: RunConfig
    """What was trained."""
    budget: float
    """Nominal training FLOPs of its cell."""
    flops: float
    """Training FLOPs."""
    loss: float | None
    """Loss, nats per token; None where it diverged."""
    part: RecipeTrial | None = None
    """Its part in the test of the rules; None for a trial of the search."""


def spend_of(spec: SweepSpec) -> float:
    """Training FLOPs that all trials may spend."""
    assert spec.tune.spend is not None
    return spec.tune.spend


def usual_spend(field: Field) -> float:
    """What a tuning costs that is asked for without a spend, training FLOPs."""
    return _of_test(field) + USUAL * _of_each(field)


def _of_each(field: Field) -> float:
    """Training FLOPs of one trial of each cell."""
    return math.fsum(cell.flops for cell in field.cells)


def _of_test(field: Field) -> float:
    """Training FLOPs of the test at the cell that is left out."""
    return len(_tests(field)) * field.left_out.flops


def _tests(field: Field) -> list[tuple[float, float]]:
    """The multiples of the rule that are tested: those of settings that are searched."""
    rates = {"lr", "embedding_lr"} & set(field.names)
    return [(b, r) for b, r in TESTS if (b == 1.0 or "batch" in field.names) and (r == 1.0 or rates)]


def sizes_of_rounds(spec: SweepSpec, field: Field) -> list[int]:
    """Trials of each cell, round by round. Raises PlanError where the spend does not pay for rules and their test."""
    each, test, spend = _of_each(field), _of_test(field), spend_of(spec)
    trials = int((spend * (1 + TOLERANCE) - test) / each)
    if trials < FEWEST:
        least = test + FEWEST * each
        raise PlanError(
            f"tune.spend = {typed_flops(spend)} FLOPs is too little: {FEWEST} trials at each of {len(field.cells)} "
            f"cells and {len(_tests(field))} that test the rules need {typed_flops(least)}; spend that, or tune "
            "smaller budgets"
        )
    first = max(LEAST_FIRST, round(FIRST * trials))
    later = max(1, spec.tune.rounds - 1)
    more = [(trials - first) // later + (number < (trials - first) % later) for number in range(later)]
    return [first, *(count for count in more if count)]


def first_trials(spec: SweepSpec, facts: DataFacts) -> Decision:
    """The first round: the start itself at each cell, and settings spread evenly about it.

    Raises PlanError where the spend is too small, or nothing can be searched.
    """
    field = field_of(spec, facts)
    count, *_ = sizes_of_rounds(spec, field)
    spans = spans_of(field.names)
    spread = spread_points(spans, (count - 1) * len(field.cells), spec.tune.seed)
    runs = [field.run(cell, cell.box.start, facts) for cell in field.cells]
    for index, point in enumerate(spread):
        box = field.cells[index % len(field.cells)].box
        place = (point / spans + 1) / 2
        runs.append(field.run(field.cells[index % len(field.cells)], box.low + place * (box.high - box.low), facts))
    return _decided(runs, (), 0.0, "the start, and settings spread evenly about it")


def next_trials(spec: SweepSpec, facts: DataFacts, trained: Sequence[Trial], number: int) -> Decision:
    """What follows when all rounds are complete.

    Args:
        spec: the sweep.
        facts: its data.
        trained: the runs of all rounds, in their order.
        number: how many rounds there were.
    """
    field = field_of(spec, facts)
    sizes, spent = sizes_of_rounds(spec, field), math.fsum(trial.flops for trial in trained)
    if all(trial.loss is None for trial in trained):
        return Decision(Round((), spent, stop=Stop.DIVERGED))
    if number > len(sizes):
        return Decision(Round((), spent, stop=Stop.TUNED))
    surface = surface_of(field, trained)
    if number == len(sizes):
        return _decided(_test_runs(field, surface, facts), trained, spent, "the test of the rules")
    trials = trials_of(field, trained)
    best = best_of(field, surface)
    regrets = np.minimum(np.where(np.isfinite(trials.loss), trials.loss, np.inf) - surface.lowest[trials.cell], WORST)
    seed, count = spec.tune.seed + number, sizes[number] * len(field.cells)
    asked = promising_points(trials.settings - best[trials.cell], regrets.tolist(), spans_of(field.names), count, seed)
    runs = []
    for index, point in enumerate(asked):
        cell = index % len(field.cells)
        runs.append(field.run(field.cells[cell], best[cell] + point, facts))
    return _decided(runs, trained, spent, "settings about the best so far")


def _decided(runs: Sequence[PlannedRun], trained: Sequence[Trial], spent: float, note: str) -> Decision:
    """A round of the runs that were not trained yet, in words; equal ones are trained once."""
    known = {trial.run.run_id for trial in trained}
    planned = {run.run_id: run for run in runs if run.run_id not in known}
    return Decision(Round(tuple(planned), spent, note=note), tuple(planned.values()))


def _test_runs(field: Field, surface: Surface, facts: DataFacts) -> list[PlannedRun]:
    """The rule itself at the cell that is left out, and its neighbours, each with its part in the check."""
    cell = field.left_out
    rule = field.run(cell, surface.best(np.array([field.row(cell)]))[0], facts)
    found: dict[str, PlannedRun] = {}
    for batch, rate in _tests(field):
        own = settings_of(rule.run.train, cell.model.context)
        factors = {"batch": batch, "lr": rate, "embedding_lr": rate}
        wanted = {name: own[name] * factors.get(name, 1.0) for name in field.names}
        train = with_settings(rule.run.train, cell.model.context, wanted)
        if train.steps < cell.cell.setting.recipe.min_steps:
            continue
        run = rule if batch == rate == 1.0 else field.retrained(cell, train, facts)
        part = RecipeTrial(NOTHING_VARIED, LEFT_OUT, batch, rate)
        found.setdefault(run.run_id, as_trial(run, part))
    return list(found.values())


def surface_of(field: Field, trained: Sequence[Trial]) -> Surface:
    """The surface through all trials of the search."""
    curvature = np.array([SEARCHED[name].curvature for name in field.names])
    prior = Prior(_usual_rule(field), spans_of(field.names), curvature)
    return fit_surface(trials_of(field, trained), prior, len(field.cells))


def _usual_rule(field: Field) -> Array:
    """For each setting the start's value with the usual exponents, or with its own where none are usual."""
    starts = np.array([cell.box.start for cell in field.cells])
    rule: Array = np.linalg.lstsq(field.at, starts, rcond=None)[0].T
    for index, name in enumerate(field.names):
        usual = SEARCHED[name].exponents
        if usual is not None:
            rule[index, 0] = np.mean(starts[:, index] - field.at[:, 1:] @ usual)
            rule[index, 1:] = usual
    return rule


def trials_of(field: Field, trained: Sequence[Trial]) -> Trials:
    """The trials of the search as arrays; those of the cell that is left out are no part of it."""
    index = {cell.key: number for number, cell in enumerate(field.cells)}
    own = [(index[key], trial) for trial in trained if (key := (trial.budget, trial.run.model)) in index]
    cell = np.array([number for number, _ in own], dtype=np.int64)
    return Trials(
        cell=cell,
        at=field.at[cell],
        settings=np.array([point_of(field.names, t.run.train, t.run.model.context) for _, t in own]),
        loss=np.array([np.inf if t.loss is None else t.loss for _, t in own]),
    )


def best_of(field: Field, surface: Surface) -> Array:
    """The best settings of each cell by the surface, within its box."""
    wanted = surface.best(field.at)
    return np.array([cell.box.clipped(point) for cell, point in zip(field.cells, wanted, strict=True)])

"""Shared trunks: an optimisation that depends on the shape alone, and the steps that a trunk saves."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from model.config import ModelConfig, RunConfig, TrainConfig
from model.flops import count_parameters
from sweeps.plan.records import PlanError
from sweeps.recipes.recipe import Recipe, optimised

MOST_WARMUP: Final = 0.1
"""Share of a run's steps that warmup may take; a recipe's own share where that is larger."""


def on_trunk(recipe: Recipe, model: ModelConfig, train: TrainConfig) -> TrainConfig:
    """The optimisation of a run that shares its trunk: the recipe's at its centre, whatever the length of the run.

    Batch, rates and weight decay are those that the recipe gives the shape at D/N = `tokens_per_param` (N: matmul
    parameters), and so is warmup, counted in steps. A run for which this would be more than MOST_WARMUP of its steps
    warms up for that share instead, which gives it its own trunk.

    Raises:
        PlanError: for a schedule whose every step depends on the run's length.
    """
    if train.schedule != "wsd":
        remedy = "use schedule: wsd, or share_trunks: false"
        raise PlanError(
            f"share_trunks: a {train.schedule} schedule has no constant part that runs could share: {remedy}"
        )
    centre = _at_centre(recipe, model)
    rule = shared_warmup(recipe, model)
    shared = replace(
        centre,
        sequences=train.sequences,
        seed=train.seed,
        numerics=train.numerics,
        warmup=0.0,
        warmup_steps=rule,
    )
    longest = math.floor(max(MOST_WARMUP, _warmup_share(centre)) * shared.steps + 0.5)
    return replace(shared, warmup_steps=min(rule, longest))


def shared_warmup(recipe: Recipe, model: ModelConfig) -> int:
    """Steps of warmup of all runs of a shape, whatever their length; at least one if any."""
    centre = _at_centre(recipe, model)
    share = _warmup_share(centre)
    return max(1, math.floor(share * centre.sequences / centre.batch + 0.5)) if share else 0


def _at_centre(recipe: Recipe, model: ModelConfig) -> TrainConfig:
    """The recipe's run of a shape at its centre."""
    sequences = max(1, round(recipe.tokens_per_param * count_parameters(model).matmul / model.context))
    return optimised(recipe, model, sequences)


def _warmup_share(train: TrainConfig) -> float:
    """Warmup as a share of a run."""
    return train.warmup if train.warmup_steps is None else min(1.0, train.warmup_steps / train.steps)


def on_shared_trunk(recipe: Recipe, run: RunConfig) -> bool:
    """Whether longer runs of the shape have the same trunk: the run's warmup is not cut, and it is not all cooldown."""
    return run.train.branch_step > 0 and run.train.warmup_steps == shared_warmup(recipe, run.model)


def saved_steps(runs: Iterable[tuple[str, RunConfig]]) -> dict[str, int]:
    """Steps that each run of (trunk, run) pairs takes over from its trunk, by run id, when all are trained.

    The run of a trunk that branches off last trains it, all others train their cooldowns alone.
    """
    members: dict[str, list[RunConfig]] = {}
    for trunk, run in runs:
        members.setdefault(trunk, []).append(run)
    saved: dict[str, int] = {}
    for sharing in members.values():
        leader = max(sharing, key=lambda run: (run.train.branch_step, run.run_id))
        saved |= {run.run_id: 0 if run is leader else run.train.branch_step for run in sharing}
    return saved

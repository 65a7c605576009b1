"""What a user should know of a plan before starting it: plain sentences, none of which stops it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sweeps.recipe import Range, get_recipe
from sweeps.trunks import MOST_WARMUP

if TYPE_CHECKING:
    from sweeps.plan import DataFacts, Plan, PlannedRun

FEWEST_SIZES: Final = 5
"""Sizes under which a budget's curve is refused by the fit."""
FEWEST_BUDGETS: Final = 3
"""Budgets under which a power law has no degree of freedom left."""
FEWEST_VALIDATION_TOKENS: Final = 128_000
"""Validation tokens under which the noise of the evaluation shows."""


def warnings_of(plan: Plan, facts: DataFacts) -> list[str]:
    """What a user should know before starting."""
    warnings = [*_range_warnings(plan), *_curve_warnings(plan), *_trunk_warnings(plan)]
    if facts.validation_tokens < FEWEST_VALIDATION_TOKENS:
        few = f"{facts.validation_tokens:,} validation tokens"
        warnings.append(f"{few}, fewer than {FEWEST_VALIDATION_TOKENS:,}: losses are noisier than they need be")
    if plan.spec.limits.hours is not None and plan.runs and plan.seconds is None:
        warnings.append("limits.hours cannot be checked: nothing is known of this device's speed yet")
    return warnings


def _range_warnings(plan: Plan) -> Iterator[str]:
    """One sentence for each range of a recipe that runs leave."""
    for name in dict.fromkeys(run.recipe for run in plan.runs):
        recipe = get_recipe(name)
        runs = [run for run in plan.runs if run.recipe == name]
        quantities: tuple[tuple[str, Range, list[float]], ...] = (
            ("parameters", recipe.params_range, [run.params for run in runs]),
            ("tokens per parameter", recipe.ratio_range, [run.tokens / run.params for run in runs]),
            ("tokens a step", recipe.batch_range, [run.batch_tokens for run in runs]),
        )
        for what, valid, values in quantities:
            outside = [value for value in values if value not in valid]
            if outside:
                span = f"{min(outside):.3g}" + (f" to {max(outside):.3g}" if max(outside) > min(outside) else "")
                yield (
                    f"{len(outside)} of {len(runs)} runs have {span} {what}, "
                    f"outside {valid.low:.3g} to {valid.high:.3g} where recipe {name} has been shown good"
                )


def _curve_warnings(plan: Plan) -> Iterator[str]:
    """Curves that the fit will refuse or that are bent by their design."""
    combinations: dict[str, list[PlannedRun]] = {}
    for run in plan.runs:
        for vary in run.combinations:
            combinations.setdefault(str(vary), []).append(run)
    if not plan.runs:
        yield "no cell of the grid can run: see the reasons of the dropped cells"
    for label, runs in combinations.items():
        where = "" if label == "{}" else f" with {label}"
        for budget in plan.spec.budgets:
            sizes = len({run.size_id for run in runs if run.budget == budget})
            if sizes < FEWEST_SIZES:
                yield f"{sizes} sizes are left at {budget:.3g} FLOPs{where}: the fit refuses fewer than {FEWEST_SIZES}"
        depths = {run.run.model.n_layers for run in runs}
        if len(depths) > 1 and get_recipe(runs[0].recipe).layers:
            yield f"depths {sorted(depths)} are mixed{where}: a step in depth looks like a kink of the curve"
    if len(plan.spec.budgets) < FEWEST_BUDGETS:
        yield f"{len(plan.spec.budgets)} budgets: a power law needs at least {FEWEST_BUDGETS}"


def _trunk_warnings(plan: Plan) -> Iterator[str]:
    """Runs that share no trunk although the sweep wants it."""
    alone = [run for run in plan.runs if plan.spec.share_trunks and run.trunk is None]
    if alone:
        shortest = min(run.steps for run in alone)
        yield (
            f"{len(alone)} of {len(plan.runs)} runs, the shortest of {shortest} steps, train alone: the warmup of "
            f"their size's trunk would take more than {MOST_WARMUP:.0%} of them, so theirs is cut to that"
        )

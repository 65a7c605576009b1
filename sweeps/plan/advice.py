"""Warnings of a plan: plain sentences for the user before it starts, none of which stops it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from analysis.fitting.estimators import FEWEST_BUDGETS
from analysis.fitting.minima import FEWEST_SIZES
from analysis.wording import format_count, typed_flops
from sweeps.plan.combination import NOTHING_VARIED
from sweeps.plan.records import DataFacts, Plan, PlannedRun
from sweeps.plan.trunks import MOST_WARMUP
from sweeps.recipes.recipe import Range
from sweeps.recipes.registry import get_recipe

FEWEST_VALIDATION_TOKENS: Final = 128_000
"""Validation tokens below which the noise of the evaluation is visible in the losses."""


def warnings_of(plan: Plan, facts: DataFacts) -> list[str]:
    """Every warning of a plan on its corpus."""
    warnings = [*_range_warnings(plan), *_curve_warnings(plan), *_trunk_warnings(plan), *_domain_warnings(plan, facts)]
    fewest, where = min(size for one in facts.each for size in ((one.validation_tokens, ""), *_sizes_of_sets(one)))
    if fewest < FEWEST_VALIDATION_TOKENS:
        few = f"{fewest:,} validation tokens{where}"
        warnings.append(f"{few}, fewer than {FEWEST_VALIDATION_TOKENS:,}: the evaluation adds noise to every loss")
    if plan.spec.limits.hours is not None and plan.runs and plan.seconds is None:
        warnings.append("limits.hours cannot be checked: the speed of this device is not known yet")
    return warnings


def _range_warnings(plan: Plan) -> Iterator[str]:
    """For each recipe how it differs from its source, and which cells lie outside the ranges in which it is proven."""
    for name in dict.fromkeys(run.recipe for run in plan.runs):
        recipe = get_recipe(name, own=plan.spec.recipes)
        if recipe.differs:
            yield f"recipe {name} differs from its source: {recipe.differs}"
        cells = list({(r.vary, r.budget, r.size_id): r for r in plan.runs if r.recipe == name}.values())
        quantities: tuple[tuple[str, Range, list[float]], ...] = (
            ("parameters", recipe.params_range, [cell.params for cell in cells]),
            ("tokens per parameter", recipe.ratio_range, [cell.tokens / cell.params for cell in cells]),
            ("tokens a step", recipe.batch_range, [cell.batch_tokens for cell in cells]),
        )
        for what, valid, values in quantities:
            outside = [(cell, value) for cell, value in zip(cells, values, strict=True) if value not in valid]
            have = "has" if len(outside) == 1 else "have"
            if outside:
                yield (
                    f"{len(outside)} of {len(cells)} cells {have} {_span(value for _, value in outside)} {what}, "
                    f"outside {format_count(valid.low)} to {format_count(valid.high)} where recipe {name} is proven "
                    f"({recipe.range_source}): {_sizes_by_budget(cell for cell, _ in outside)}"
                )


def _span(values: Iterable[float]) -> str:
    ordered = sorted(values)
    low, high = format_count(ordered[0]), format_count(ordered[-1])
    return low if low == high else f"{low} to {high}"


def _sizes_by_budget(cells: Iterable[PlannedRun]) -> str:
    """How many cells at each budget, in words."""
    sizes: dict[float, int] = {}
    for cell in cells:
        sizes[cell.budget] = sizes.get(cell.budget, 0) + 1
    return ", ".join(f"{count} at {typed_flops(budget)} FLOPs" for budget, count in sizes.items())


def _curve_warnings(plan: Plan) -> Iterator[str]:
    """Curves that the fit will refuse, or that a change of depth bends."""
    if not plan.runs:
        yield "no cell of the grid can run: see the reasons of the dropped cells"
    for combination, runs in plan.by_combination.items():
        where = combination.clause
        for budget in plan.spec.budgets:
            sizes = len({run.size_id for run in runs if run.budget == budget})
            if sizes < FEWEST_SIZES:
                left = "1 size is" if sizes == 1 else f"{sizes} sizes are"
                yield f"{left} left at {typed_flops(budget)} FLOPs{where}: the fit refuses fewer than {FEWEST_SIZES}"
        depths = {run.run.model.n_layers for run in runs}
        recipe = get_recipe(runs[0].recipe, own=plan.spec.recipes)
        if len(depths) > 1 == len({recipe.depth_of(run.run.model.d_model) for run in runs}):
            yield f"depths {sorted(depths)} are mixed{where}: a step in depth looks like a kink in the curve"
    if len(plan.spec.budgets) < FEWEST_BUDGETS:
        count = len(plan.spec.budgets)
        yield f"{count} budget{'' if count == 1 else 's'}: a power law needs at least {FEWEST_BUDGETS}"


def _sizes_of_sets(facts: DataFacts) -> Iterator[tuple[int, str]]:
    """Tokens of each further validation set, and how a sentence names it."""
    for name, tokens in facts.sets:
        yield tokens, f" in set {name}"


def _domain_warnings(plan: Plan, facts: DataFacts) -> Iterator[str]:
    """Domains of a mix that some runs read more than once, of each combination of axes."""
    for vary, one in facts.varied or ((NOTHING_VARIED, facts),):
        runs = [run for run in plan.runs if facts.of(run.vary) is one]
        for domain in one.domains:
            passes = [run.tokens * domain.weight / domain.tokens for run in runs]
            again = sum(each > 1 for each in passes)
            if again:
                share = f"at {domain.weight:.1%} by weight {again} of {len(runs)} runs"
                many = f"its {domain.tokens:,} tokens more than once, up to {max(passes):.1f} epochs"
                yield f"domain {domain.name} runs out{vary.clause}: {share} read {many}"


def _trunk_warnings(plan: Plan) -> Iterator[str]:
    """Runs that share no trunk although the sweep asks for shared trunks."""
    if not (plan.spec.share_trunks and plan.runs):
        return
    alone = [run for run in plan.runs if run.trunk is None and run.run.train.branch_step > 0]
    if alone:
        shortest = min(run.steps for run in alone)
        yield (
            f"{len(alone)} of {len(plan.runs)} runs, the shortest of {shortest} steps, train alone: the warmup of "
            f"their size's trunk would be more than {MOST_WARMUP:.0%} of the run, so theirs is cut to that share"
        )
    if plan.flops_spent == plan.flops:
        recipes = ", ".join(dict.fromkeys(run.recipe for run in plan.runs))
        yield (
            f"share_trunks saves nothing: no two runs have the same size, seed, batch, learning rate and weight "
            f"decay (recipe {recipes})"
        )

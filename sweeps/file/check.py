"""Checks the values of a sweep: every problem is found at once, each with its key."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from analysis.devices import GPUS, find_device
from model.config import NUMERICS
from sweeps.file.check_adaptive import adaptive_problems
from sweeps.file.check_recipe import (
    MAX_CONTEXT,
    SHAPE_KEYS,
    Problems,
    combination_problems,
    model_problems,
    recipe_problems,
    vary_problems,
)
from sweeps.file.check_tune import tune_problems
from sweeps.file.problem import Problem, SweepError
from sweeps.file.spec import SweepSpec
from sweeps.nearest import nearest
from sweeps.recipes.bounds import bounds_of
from sweeps.recipes.neighbourhood import BATCHES, CELLS, RATES

NAME: Final = re.compile(r"[a-z0-9-]{1,64}")
DEVICE_CLASSES: Final = ("auto", "cpu", "cuda")
"""What a sweep may ask for instead of a kind of GPU."""
MAX_RUNS: Final = 100_000
"""No sweep file can raise limits.runs above this."""
MAX_BUDGET: Final = 1e30
"""Largest budget, FLOPs."""
MAX_PARAMS: Final = 10**11
"""Largest size, parameters."""
MAX_EPOCHS: Final = 1000
"""Most passes over the training tokens that a sweep may allow."""
_COMBINED: Final = ("sizes", "recipe", "recipe_overrides", "model", "context", "vary")
"""Keys whose values are checked in combination once each is good alone."""
_SAID: Final = 10**15
"""Whole numbers below this are written out in messages."""


def shown(number: float) -> str:
    """A number as messages have it: a whole one that is not huge in full."""
    if isinstance(number, int) and abs(number) >= _SAID:
        return f"about {'-' * (number < 0)}1e{math.floor(math.log10(abs(number)))}"
    return f"{number:g}" if isinstance(number, float) else str(number)


def checked(spec: SweepSpec) -> SweepSpec:
    """The sweep itself, where its values have no problem.

    Raises:
        SweepError: with every problem that was found.
    """
    problems = problems_of(spec)
    if problems:
        raise SweepError(problems)
    return spec


def problems_of(spec: SweepSpec) -> tuple[Problem, ...]:
    """Every problem of a sweep's values, in the order of the schema."""
    checks: tuple[Callable[[SweepSpec], Problems], ...] = (
        _name_and_budgets,
        _sizes,
        _centre,
        recipe_problems,
        model_problems,
        _counts,
        vary_problems,
        _choices,
        _limits,
        adaptive_problems,
        tune_problems,
    )
    found = tuple(problem for check in checks for problem in check(spec))
    if not any(problem.key.split(".")[0] in _COMBINED for problem in found):
        found += tuple(combination_problems(spec))
    return found or tuple(_grid(spec))


def _name_and_budgets(spec: SweepSpec) -> Problems:
    if not NAME.fullmatch(spec.name):
        near = re.sub(r"[^a-z0-9]+", "-", spec.name.lower()[:64]).strip("-")
        yield Problem("must be 1 to 64 lower-case letters, digits and hyphens", "name", suggestion=near)
    if not spec.budgets:
        yield Problem("required: the training FLOPs of a run, such as [1e11, 3e11, 1e12]", "budgets")
    for index, budget in enumerate(spec.budgets):
        if not 1 <= budget <= MAX_BUDGET:
            yield Problem(f"must lie between 1 and {MAX_BUDGET:g}, is {budget:g}", f"budgets.{index}")
    if any(later <= former for former, later in zip(spec.budgets, spec.budgets[1:], strict=False)):
        ascending = sorted(set(spec.budgets))
        near = str([float(f"{b:g}") for b in ascending]) if len(ascending) <= 8 else ""
        yield Problem("must be ascending, without repeats", "budgets", suggestion=near)


def _sizes(spec: SweepSpec) -> Problems:
    sizes = spec.sizes
    if sizes.count < 1:
        yield Problem(f"must be at least 1, is {shown(sizes.count)}", "sizes.count")
    if not 1 < sizes.span <= 1e4:
        yield Problem(f"must be above 1 and at most 10000, is {sizes.span:g}", "sizes.span")
    if sizes.params and sizes.shapes:
        yield Problem("params and shapes exclude each other: keep one", "sizes.shapes")
    for index, params in enumerate(sizes.params):
        if not 1 <= params <= MAX_PARAMS:
            yield Problem(f"must lie between 1 and {MAX_PARAMS:.0e}, is {shown(params)}", f"sizes.params.{index}")
    for index, shape in enumerate(sizes.shapes):
        key = f"sizes.shapes.{index}"
        if "d_model" not in shape:
            yield Problem("d_model is required", key)
        for name, value in shape.items():
            if name not in SHAPE_KEYS:
                listing = f"unknown key of a shape; the keys are {', '.join(SHAPE_KEYS)}"
                yield Problem(listing, f"{key}.{name}", suggestion=nearest(name, SHAPE_KEYS))
            elif not 1 <= value <= 65_536:
                yield Problem(f"must lie between 1 and 65536, is {shown(value)}", f"{key}.{name}")


def _centre(spec: SweepSpec) -> Problems:
    centre = spec.centre
    if centre.tokens_per_param is not None and centre.params_at:
        remedy = "drop one of them (or set centre.tokens_per_param to null)"
        yield Problem(f"tokens_per_param and params_at exclude each other: {remedy}", "centre")
    refusal = centre.tokens_per_param is not None and bounds_of("tokens_per_param").refusal(centre.tokens_per_param)
    if refusal:
        yield Problem(refusal, "centre.tokens_per_param")
    if len(centre.params_at) > 1:
        yield Problem("takes one pair, budget: N; the exponent gives N at the other budgets", "centre.params_at")
    for budget, params in centre.params_at.items():
        if not _is_budget(budget):
            yield Problem(f"the key is a budget in FLOPs, such as 1e12, is {budget[:32]!r}", "centre.params_at")
        if not 1 <= params <= MAX_PARAMS:
            yield Problem(f"N must lie between 1 and {MAX_PARAMS:.0e}, is {params:g}", f"centre.params_at.{budget}")
    if not 0 < centre.exponent < 2:
        yield Problem(f"must lie between 0 and 2, is {centre.exponent:g}", "centre.exponent")


def _is_budget(text: str) -> bool:
    try:
        return 1 <= float(text) <= MAX_BUDGET
    except ValueError:
        return False


def _counts(spec: SweepSpec) -> Problems:
    if not 2 <= spec.context <= MAX_CONTEXT:
        yield Problem(f"must lie between 2 and {MAX_CONTEXT} tokens, is {shown(spec.context)}", "context")
    for key in ("default", "smallest_budget", "largest_budget"):
        seeds = getattr(spec.seeds, key)
        if not 1 <= seeds <= 1000:
            yield Problem(f"must lie between 1 and 1000, is {shown(seeds)}", f"seeds.{key}")


def _choices(spec: SweepSpec) -> Problems:
    if spec.numerics not in NUMERICS:
        listing = f"is {spec.numerics[:32]!r}: choose one of {', '.join(NUMERICS)}"
        yield Problem(listing, "numerics", suggestion=nearest(spec.numerics, NUMERICS))
    found = find_device(spec.device)
    if spec.device not in DEVICE_CLASSES and not (found and found.trains):
        listing = f"is {spec.device[:32]!r}: choose one of {', '.join(DEVICE_CLASSES)}, or a GPU: {', '.join(GPUS)}"
        yield Problem(listing, "device", suggestion=nearest(spec.device.lower(), (*DEVICE_CLASSES, *GPUS)))
    if not 0 < spec.epochs_max <= MAX_EPOCHS:
        yield Problem(f"must be positive and at most {MAX_EPOCHS}, is {spec.epochs_max:g}", "epochs_max")
    yield from _epochs(spec)


def _epochs(spec: SweepSpec) -> Problems:
    if not spec.epochs or any(later <= former for former, later in pairwise(spec.epochs)):
        near = str([float(f"{passes:g}") for passes in sorted(set(spec.epochs))]) if spec.epochs else "[1]"
        yield Problem("must be ascending, without repeats, such as [1, 2, 4, 8]", "epochs", suggestion=near)
    for index, passes in enumerate(spec.epochs):
        if passes > 1 and passes > spec.epochs_max:
            raised = f"is {passes:g}, above epochs_max = {spec.epochs_max:g}: raise that"
            yield Problem(raised, f"epochs.{index}", suggestion=f"epochs_max: {passes:g}")
        elif not passes >= 1:
            yield Problem(f"must be at least 1, is {passes:g}", f"epochs.{index}")


def _limits(spec: SweepSpec) -> Problems:
    for key in ("flops", "hours"):
        value = getattr(spec.limits, key)
        if value is not None and not value > 0:
            yield Problem(f"must be positive, is {value:g}", f"limits.{key}")
    if not 1 <= spec.limits.runs <= MAX_RUNS:
        yield Problem(f"must lie between 1 and {MAX_RUNS}, is {shown(spec.limits.runs)}", "limits.runs")


def cells_at_most(spec: SweepSpec) -> int:
    """Upper bound of the number of runs, counted without expanding the grid."""
    sizes = len(spec.sizes.params) or len(spec.sizes.shapes) or spec.sizes.count
    extra = sum(max(0, n - spec.seeds.default) for n in (spec.seeds.smallest_budget, spec.seeds.largest_budget))
    combinations = math.prod(len(values) for values in spec.vary.values())
    checks = CELLS * (len(BATCHES) * len(RATES) - 1) if spec.recipe_check else 0
    return combinations * (len(spec.budgets) * sizes * len(spec.epochs) * spec.seeds.default + extra + checks)


def _grid(spec: SweepSpec) -> Problems:
    if spec.adaptive.on or spec.tune.on:
        return  # its runs are chosen later, and counted then
    runs = cells_at_most(spec)
    if runs > spec.limits.runs:
        yield Problem(f"the grid has up to {shown(runs)} runs, above limits.runs = {spec.limits.runs}", "limits.runs")

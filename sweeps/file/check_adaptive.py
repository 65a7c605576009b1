"""Checks what an adaptive sweep asks for, and what it cannot be combined with."""

from __future__ import annotations

from typing import Final

from analysis.wording import typed_up
from sweeps.file.check_recipe import Problems
from sweeps.file.problem import Problem
from sweeps.file.spec import SweepSpec

MAX_ROUNDS: Final = 100
"""No sweep has more rounds."""


def adaptive_problems(spec: SweepSpec) -> Problems:
    """Every problem of the key `adaptive`."""
    adaptive, until = spec.adaptive, spec.adaptive.until
    given = (until.params, until.loss, adaptive.spend)
    if not adaptive.on:
        if any(value is not None for value in given):
            yield Problem(
                "required: the budget of the answer, training FLOPs, as in --until loss=0.02@1e15", "adaptive.ask"
            )
        return
    smallest = min((budget for budget in spec.budgets if budget > 0), default=0.0)
    if not smallest <= (adaptive.ask or 0.0) < float("inf"):
        least = (
            f": the least that can be asked about is the smallest of budgets, {typed_up(smallest)}" if smallest else ""
        )
        yield Problem(f"{adaptive.ask:g} FLOPs would cost less than any run of the sweep{least}", "adaptive.ask")
    if adaptive.spend is None:
        yield Problem(
            "required: the training FLOPs that all runs may spend together, as in --spend 3e13", "adaptive.spend"
        )
    elif not adaptive.spend > 0:
        yield Problem(f"must be positive, is {adaptive.spend:g}", "adaptive.spend")
    elif spec.limits.flops is not None and adaptive.spend > spec.limits.flops:
        above = f"{adaptive.spend:g} is above limits.flops = {spec.limits.flops:g}: raise that, or spend less"
        yield Problem(above, "adaptive.spend")
    if until.params is not None and not until.params > 1:
        yield Problem(f"must be a factor above 1, such as 1.25, is {until.params:g}", "adaptive.until.params")
    if until.loss is not None and not until.loss > 0:
        yield Problem(f"must be a half-width above 0, such as 0.02, is {until.loss:g}", "adaptive.until.loss")
    if not 2 <= adaptive.rounds <= MAX_ROUNDS:
        yield Problem(f"must lie between 2 and {MAX_ROUNDS}, is {adaptive.rounds}", "adaptive.rounds")
    if spec.vary:
        yield Problem(
            "an adaptive sweep answers for one combination: drop it, submit one sweep for each value with the value "
            "as an override (isoflop run FILE name=… KEY=… --yes), and set them side by side by isoflop compare",
            "vary",
        )
    if spec.epochs != SweepSpec.epochs:
        yield Problem("an adaptive sweep trains each cell with one number of passes: use a fixed grid", "epochs")

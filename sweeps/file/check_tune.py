"""Checks what a tuning asks for, and what it cannot be combined with."""

from __future__ import annotations

from typing import Final

from sweeps.file.check_recipe import Problems
from sweeps.file.problem import Problem
from sweeps.file.spec import SweepSpec, TuneSpec
from sweeps.nearest import nearest
from sweeps.recipes.tuned import SETTINGS

MAX_ROUNDS: Final = 100
"""No tuning has more rounds of search."""
MAX_SEED: Final = 2**31 - 1
"""Largest seed of a search."""


def tune_problems(spec: SweepSpec) -> Problems:
    """Every problem of the key `tune`."""
    tune = spec.tune
    if not tune.search:
        yield Problem(f"nothing to search: name some of {', '.join(SETTINGS)}", "tune.search")
    if len(set(tune.search)) < len(tune.search):
        yield Problem("has the same setting twice", "tune.search")
    for index, name in enumerate(tune.search):
        if name not in SETTINGS:
            listing = f"cannot be searched; the settings are {', '.join(SETTINGS)}"
            yield Problem(listing, f"tune.search.{index}", suggestion=nearest(name, SETTINGS))
    if not 1 <= tune.rounds <= MAX_ROUNDS:
        yield Problem(f"must lie between 1 and {MAX_ROUNDS}, is {tune.rounds}", "tune.rounds")
    if not 0 <= tune.seed <= MAX_SEED:
        yield Problem(f"must lie between 0 and {MAX_SEED}, is {tune.seed}", "tune.seed")
    yield from _spend(spec, tune)


def _spend(spec: SweepSpec, tune: TuneSpec) -> Problems:
    """Problems of what the trials may spend, and of the keys beside it."""
    if tune.spend is None:
        return
    if not 0 < tune.spend < float("inf"):
        yield Problem(f"must be positive, is {tune.spend:g}", "tune.spend")
    elif spec.limits.flops is not None and tune.spend > spec.limits.flops:
        above = f"{tune.spend:g} is above limits.flops = {spec.limits.flops:g}: raise that, or spend less"
        yield Problem(above, "tune.spend")
    reasons = {
        "vary": "a tuning searches for one combination: drop it and set its keys as they should be",
        "share_trunks": "trials share no trunks: drop it, or drop tune",
        "recipe_check": "a tuning tests its rules itself: drop it, or drop tune",
    }
    for key, reason in reasons.items():
        if getattr(spec, key):
            yield Problem(reason, key)
    if spec.adaptive.on:
        yield Problem("a tuning gives no law, so its runs cannot be chosen for one: drop adaptive or tune", "adaptive")

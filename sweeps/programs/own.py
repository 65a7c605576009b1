"""The answer as a sweep file of isoflop's: one budget and one shape, under the sweep's own recipe and data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sweeps.file.data_axes import with_data
from sweeps.file.serialise import to_yaml
from sweeps.file.spec import CentreSpec, LimitsSpec, SeedsSpec, SizesSpec, SweepSpec
from sweeps.plan.grid import is_of_recipe
from sweeps.programs.optimum import Optimum, comments
from sweeps.recipes.ladder import PART_FIELDS

SUFFIX: Final = "-optimum"
LONGEST: Final = 64
"""Characters of a sweep's name."""


def sweep_file(optimum: Optimum) -> str:
    """A sweep file whose plan is the one run."""
    left_out = [
        "the sweep's limits, seeds and check of the recipe",
        "the grid: one run gives no law, which isoflop plan says, with exit code 1; isoflop run trains it all the same",
    ]
    return comments(optimum, left_out) + to_yaml(alone(optimum))


def alone(optimum: Optimum) -> SweepSpec:
    """The sweep of the one run; values of its axes become plain ones."""
    run, model = optimum.planned, optimum.model
    spec = _without_axes(optimum.spec, run.vary.to_dict())
    shape = {name: getattr(model, name) for name in ("d_model", "n_layers", "n_heads", "d_ff")}
    return replace(
        spec,
        name=spec.name[: LONGEST - len(SUFFIX)].rstrip("-") + SUFFIX,
        budgets=(run.budget,),
        sizes=SizesSpec(shapes=(shape,)),
        centre=CentreSpec(),
        seeds=SeedsSpec(),
        limits=LimitsSpec(),
        recipe_check=False,
        epochs=SweepSpec.epochs,
        epochs_max=max(spec.epochs_max, math.ceil(run.epochs * 100) / 100),
    )


def _without_axes(spec: SweepSpec, values: Mapping[str, Any]) -> SweepSpec:
    """The sweep with one value of each axis."""
    overrides = {key: value for key, value in values.items() if is_of_recipe(key)}
    parts = {key: value for key, value in values.items() if key in PART_FIELDS}
    return replace(
        with_data(spec, values),
        recipe=values.get("recipe", spec.recipe),
        context=int(values.get("context", spec.context)),
        recipe_overrides=spec.recipe_overrides | overrides,
        model=spec.model | parts,
        vary={},
    )

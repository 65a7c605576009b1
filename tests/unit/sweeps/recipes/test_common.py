"""The sources that recipes share."""

from __future__ import annotations

from sweeps.recipes.common import COMMON
from sweeps.recipes.cpu_small import CPU_SMALL
from sweeps.recipes.porian_olmo import PORIAN_OLMO
from sweeps.recipes.recipe import values_of


def test_shared_sources_are_of_values_that_the_adamw_recipes_have() -> None:
    for recipe in (CPU_SMALL, PORIAN_OLMO):
        assert set(COMMON) <= set(values_of(recipe))
        assert {recipe.sources[key] for key in ("beta1", "eps", "clip")} == {COMMON["clip"]}

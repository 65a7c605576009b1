"""Odd values of every key of a sweep file: each ends in a plan or in an error that is expected, never in a traceback."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sweeps.file.compose import load_sweep
from sweeps.file.problem import SweepError
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, Plan
from sweeps.recipes.ladder import PART_FIELDS
from sweeps.recipes.recipe import values_of
from sweeps.recipes.registry import RECIPES
from tokenizer.errors import ExpectedError

FACTS = DataFacts("d" * 64, 320, 10**9, 2 * 10**5)
BUDGETS = {
    "cpu-small": "[1e10, 1e11]",
    "muon-small": "[1e10, 1e11]",
    "porian-olmo": "[1e15, 1e16]",
    "marin-2025": "[1e18, 1e19]",
    "nanochat": "[1e17, 1e18]",
}
"""Budgets at which a recipe plans something."""
NUMBERS = (
    *("0", "-1", "1", "-0.0", "0.5", "2", "3", "7", "1000", "100000", "1e12", "2.5", "1e308", "-1e308", "1e-300"),
    *(
        "5e-324",
        "1e400",
        ".nan",
        ".inf",
        "9223372036854775808",
        "18446744073709551616",
        "1" + "0" * 40,
        "1" + "0" * 400,
    ),
)
OTHERS = (
    "''",
    "null",
    "true",
    "abc",
    "[]",
    "{}",
    "[1, [2]]",
    "{a: {b: 1}}",
    "[0]",
    "[null]",
    "'1e999'",
    "'0x10'",
    "1_000",
)
SCHEMA = (
    *("budgets", "budgets.from", "budgets.to", "budgets.count", "sizes", "sizes.count", "sizes.span", "sizes.params"),
    *("sizes.shapes", "centre", "centre.tokens_per_param", "centre.params_at", "centre.params_at.1e11", "context"),
    *("centre.exponent", "seeds", "seeds.default", "seeds.smallest_budget", "seeds.largest_budget", "epochs_max"),
    *("tune", "tune.spend", "tune.search", "tune.rounds", "tune.seed", "recipes", "recipes.mine"),
    *("numerics", "share_trunks", "recipe_check", "device", "limits", "limits.flops", "limits.hours", "limits.runs"),
    *("recipe", "name", "extends", "model", "vary", "recipe_overrides", "corpus", "corpus.max_bytes", "tokenizer"),
    *("tokenizer.vocab", "tokenizer.kind", "corpus.source", "corpus.validation_fraction"),
)
"""Keys of the schema, but for those of recipes and parts."""


def sweep(recipe: str, changes: dict[str, str]) -> str:
    """A sweep file of a recipe with some dotted keys set to texts."""
    tree: dict[str, Any] = {"name": "t", "budgets": BUDGETS[recipe], "recipe": recipe, "sizes": {"count": "3"}}
    for key, text in changes.items():
        node, *inner = tree, *key.split(".")
        for part in inner[:-1]:
            node[part] = node[part] if isinstance(node.get(part), dict) else {}
            node = node[part]
        node[inner[-1]] = text

    def written(node: dict[str, Any] | str) -> str:
        return node if isinstance(node, str) else f"{{{', '.join(f'{k}: {written(v)}' for k, v in node.items())}}}"

    return "".join(f"{key}: {written(value)}\n" for key, value in tree.items())


def planned(text: str) -> Plan | None:
    """The plan of a sweep file; None where it is refused as expected, which has a reason."""
    try:
        return make_plan(load_sweep(text), FACTS)
    except ExpectedError as error:
        assert str(error)
        return None


@st.composite
def odd_sweeps(draw: st.DrawFn) -> str:
    """A sweep file with one to three odd values, most of them of the recipe."""
    recipe = draw(st.sampled_from(sorted(RECIPES)))
    own = st.sampled_from(values_of(RECIPES[recipe]))
    part = st.sampled_from(PART_FIELDS)
    number, anything = st.sampled_from(NUMBERS), st.sampled_from((*NUMBERS, *OTHERS))
    change = st.one_of(
        st.tuples(own.map("recipe_overrides.{}".format), number),
        st.tuples(own.map("recipe_overrides.{}".format), anything),
        st.tuples(part.map("model.{}".format), anything),
        st.tuples(
            st.one_of(own, part, st.just("context")).map("vary.{}".format), st.lists(anything, max_size=2).map(listed)
        ),
        st.tuples(st.just("centre.params_at"), st.tuples(number, number).map("{{{0[0]}: {0[1]}}}".format)),
        st.tuples(
            st.just("sizes.shapes"), st.tuples(number, number).map("[{{d_model: {0[0]}, n_heads: {0[1]}}}]".format)
        ),
        st.tuples(st.sampled_from(SCHEMA), anything),
    )
    changes = dict(draw(st.lists(change, min_size=1, max_size=3)))
    flags = {key: "true" for key in ("share_trunks", "recipe_check") if draw(st.integers(0, 5)) == 0}
    return sweep(recipe, {**flags, "limits.runs": "300", **changes})


def listed(texts: list[str]) -> str:
    """A YAML list of texts."""
    return f"[{', '.join(texts)}]"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(odd_sweeps())
def test_odd_values_are_planned_or_refused(text: str) -> None:
    planned(text)


@pytest.mark.slow
@settings(max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(odd_sweeps())
def test_many_odd_values_are_planned_or_refused(text: str) -> None:
    planned(text)


REFUSED = [
    ("cpu-small", "recipe_overrides.layers", "0"),
    ("cpu-small", "recipe_overrides.heads", "0"),
    ("porian-olmo", "recipe_overrides.heads", "1001"),
    ("marin-2025", "recipe_overrides.head_size", "0"),
    ("nanochat", "recipe_overrides.head_size", "0"),
    ("nanochat", "recipe_overrides.width_per_layer", "0"),
    ("cpu-small", "recipe_overrides.tokens_per_param", "1e-300"),
    ("cpu-small", "recipe_overrides.ff_ratio", "1e308"),
    ("cpu-small", "recipe_overrides.width_step", "100000000000000000000"),
    ("cpu-small", "recipe_overrides.batch_exponent", "1e30"),
    ("cpu-small", "recipe_overrides.lr_exponent", "-400"),
    ("cpu-small", "recipe_overrides.embedding_lr_exponent", "9223372036854775808"),
    ("cpu-small", "recipe_overrides.reference_tokens", "1e-300"),
    ("cpu-small", "recipe_overrides.large_batch", ".inf"),
    ("marin-2025", "recipe_overrides.steps_per_run", "1" + "0" * 39),
    ("cpu-small", "vary.ff_ratio", "[1e308]"),
    ("cpu-small", "vary.layers", "[2, 0]"),
    ("cpu-small", "model.norm_eps", "0"),
    ("cpu-small", "model.rope_base", "-1"),
    ("cpu-small", "centre.tokens_per_param", "1e-300"),
    ("cpu-small", "centre.params_at", "{5e-324: 1e5}"),
    ("cpu-small", "budgets", "[1e-300, 1e11]"),
    ("cpu-small", "sizes.count", "1e308"),
    ("cpu-small", "seeds.default", "18446744073709551616"),
    ("cpu-small", "context", "1e300"),
]


@pytest.mark.parametrize(("recipe", "key", "text"), REFUSED)
def test_what_cannot_be_computed_is_a_mistake_at_its_place(recipe: str, key: str, text: str) -> None:
    with pytest.raises(SweepError) as caught:
        load_sweep(sweep(recipe, {key: text}), name_of_text="s.yaml")
    (problem,) = caught.value.problems
    line = sweep(recipe, {key: text}).splitlines()[problem.line - 1]
    assert problem.file == "s.yaml" and problem.col >= 1
    assert line.startswith(key.split(".")[0] if not problem.key.startswith("limits") else "name")
    assert len(str(problem)) < 400


def test_the_sweeps_that_odd_values_are_put_into_have_runs() -> None:
    for recipe in RECIPES:
        plan = planned(sweep(recipe, {}))
        assert plan is not None and plan.runs, recipe

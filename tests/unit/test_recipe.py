"""Recipes: sources, shapes that can be built, and the published figures of each rule."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.config import ModelConfig
from model.flops import count_parameters, flops_per_token
from sweeps.recipe import (
    CPU_SMALL,
    PORIAN_OLMO,
    RECIPES,
    VALUES,
    Recipe,
    RecipeError,
    build_shape,
    flops_nodes,
    get_recipe,
    ladder,
    shape,
    train_config,
)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_value_has_a_source(recipe: Recipe) -> None:
    assert set(recipe.sources) == set(VALUES)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_ladder_climbs_in_size_and_in_flops(recipe: Recipe) -> None:
    rungs = ladder(recipe, 1024, 128, upto=1e8)
    sizes = [count_parameters(rung).matmul for rung in rungs]
    flops = [flops_per_token(rung) for rung in rungs]
    assert sizes == sorted(set(sizes))
    assert flops == sorted(set(flops))
    assert sizes[-1] > 1e8 >= sizes[-2]


def test_small_sweeps_keep_one_depth_and_one_number_of_heads() -> None:
    rungs = ladder(CPU_SMALL, 1024, 128, upto=1e6)
    assert {(rung.n_layers, rung.n_heads) for rung in rungs} == {(CPU_SMALL.layers, CPU_SMALL.heads)}
    sizes = [count_parameters(rung).matmul for rung in rungs if count_parameters(rung).matmul > 8_000]
    assert max(b / a for a, b in itertools.pairwise(sizes)) < 1.35


@settings(max_examples=30, deadline=None)
@given(target=st.floats(3e3, 3e7), vocab=st.sampled_from([257, 1024, 32_768]))
def test_shape_is_the_nearest_rung(target: float, vocab: int) -> None:
    for recipe in RECIPES.values():
        best = shape(recipe, target, vocab, 128)
        distance = abs(math.log(count_parameters(best).matmul / target))
        rungs = ladder(recipe, vocab, 128, upto=8 * target)
        assert distance == min(abs(math.log(count_parameters(rung).matmul / target)) for rung in rungs)


def test_model_parts_reach_the_shape() -> None:
    model = shape(CPU_SMALL, 5e4, 1024, 64, {"mlp": "gelu", "qk_norm": False})
    assert (model.mlp, model.qk_norm, model.context, model.vocab) == ("gelu", False, 64, 1024)
    swiglu = build_shape(CPU_SMALL, 1024, 64, 48)
    gelu = build_shape(CPU_SMALL, 1024, 64, 48, {"mlp": "gelu"})
    assert count_parameters(gelu).matmul == pytest.approx(count_parameters(swiglu).matmul, rel=0.01)


def test_flops_nodes_are_exact_at_the_shapes() -> None:
    nodes = dict(flops_nodes(CPU_SMALL, 1024, 128, low=2e4, high=2e5))
    for params in (2.5e4, 6e4, 1.7e5):
        model = shape(CPU_SMALL, params, 1024, 128)
        assert nodes[float(count_parameters(model).matmul)] == flops_per_token(model)
    assert min(nodes) < 2e4
    assert max(nodes) > 2e5
    assert list(nodes) == sorted(nodes)


@pytest.mark.parametrize(("params", "batch"), [(1e6, 14_500), (5e6, 42_000), (17e6, 96_000), (50e6, 196_000)])
def test_olmo_batch_rule_gives_the_published_figures(params: float, batch: float) -> None:
    # B = 2048 · 160 · (N / 108e6)^(2/3), core figures of the ladder's code.
    exact = PORIAN_OLMO.batch_tokens * (params / PORIAN_OLMO.reference_params) ** PORIAN_OLMO.batch_exponent
    assert exact == pytest.approx(batch, rel=0.01)


def test_olmo_rule_at_its_reference_size() -> None:
    model = ModelConfig(vocab=32_768, context=2048, d_model=768, n_layers=12, n_heads=12, d_ff=2048)
    nonembedding = count_parameters(model).nonembedding
    tokens = 20 * nonembedding
    train = train_config(PORIAN_OLMO, model, tokens // 2048)
    assert train.lr == pytest.approx(0.0047 / 2 * (nonembedding / 108e6) ** (-1 / 3))
    assert train.warmup == pytest.approx(1 / 20, rel=1e-3)
    assert train.batch * 2048 == pytest.approx(2048 * 160 * (nonembedding / 108e6) ** (2 / 3), rel=0.01)
    assert train.beta2 == 0.99
    assert train.embedding_lr is None


def test_olmo_rule_is_capped_where_it_would_outlast_the_run() -> None:
    model = build_shape(PORIAN_OLMO, 1024, 128, 256)
    train = train_config(PORIAN_OLMO, model, 100)
    assert train.warmup == 0.1
    assert train.lr <= PORIAN_OLMO.lr_cap


def test_large_batches_use_the_lower_beta2() -> None:
    recipe = get_recipe("porian-olmo", {"batch_tokens": 1e6, "batch_exponent": 0})
    assert train_config(recipe, build_shape(recipe, 1024, 128, 256), 100).beta2 == 0.95


def test_overrides_replace_single_values() -> None:
    recipe = get_recipe("cpu-small", {"lr": 0.01, "layers": 3.0, "schedule": "cosine", "embedding_lr": 0})
    assert (recipe.lr, recipe.layers, recipe.schedule) == (0.01, 3, "cosine")
    train = train_config(recipe, shape(recipe, 5e4, 1024, 128), 1000, seed=3, numerics="bf16")
    assert (train.lr, train.schedule, train.seed, train.numerics) == (0.01, "cosine", 3, "bf16")
    assert train.embedding_lr is None
    assert train_config(CPU_SMALL, shape(CPU_SMALL, 5e4, 1024, 128), 10).embedding_lr == CPU_SMALL.embedding_lr


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"lrr": 1.0}, "did you mean lr?"),
        ({"lr": 0.0}, "lr must be positive"),
        ({"clip": -1.0}, "clip must be at least 0"),
        ({"lr": "big"}, "lr must be a number"),
        ({"lr": True}, "lr must be a number"),
        ({"layers": 1.5}, "layers must be a whole number"),
        ({"params_range": 3}, "unknown value"),
        ({"schedule": 1}, "choose wsd or cosine"),
    ],
)
def test_wrong_overrides_are_refused(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        get_recipe("cpu-small", overrides)


def test_unknown_recipe_is_refused() -> None:
    with pytest.raises(RecipeError, match="cpu-small, porian-olmo"):
        get_recipe("olmo")

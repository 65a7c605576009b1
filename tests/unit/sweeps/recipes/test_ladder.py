"""The shapes that a recipe can build."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.flops import count_parameters, flops_per_token
from sweeps.recipes.cpu_small import CPU_SMALL
from sweeps.recipes.ladder import build_shape, flops_nodes, ladder, shape
from sweeps.recipes.recipe import Recipe
from sweeps.recipes.registry import RECIPES


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_ladder_climbs_in_size_and_in_flops(recipe: Recipe) -> None:
    rungs = ladder(recipe, 1024, 128, upto=1e8)
    assert len(rungs) > 3
    sizes = [count_parameters(rung).matmul for rung in rungs]
    flops = [flops_per_token(rung) for rung in rungs]
    assert sizes == sorted(set(sizes))
    assert flops == sorted(set(flops))
    assert sizes[-1] > 1e8 >= sizes[-2]


@settings(max_examples=20, deadline=None)
@given(target=st.floats(3e3, 3e7), vocab=st.sampled_from([257, 1024, 32_768]))
def test_shape_is_the_nearest_rung(target: float, vocab: int) -> None:
    for recipe in RECIPES.values():
        best = shape(recipe, target, vocab, 128)
        distance = abs(math.log(count_parameters(best).matmul / target))
        rungs = ladder(recipe, vocab, 128, upto=8 * target)
        assert distance == min(abs(math.log(count_parameters(rung).matmul / target)) for rung in rungs)


def test_plain_mlps_are_half_as_much_wider_and_rungs_fit_the_grouped_heads() -> None:
    widths = [build_shape(CPU_SMALL, 1024, 64, 48, {"mlp": kind}).d_ff for kind in ("swiglu", "gelu", "relu2")]
    assert widths == [128, 192, 192]
    rungs = ladder(RECIPES["porian-olmo"], 1024, 128, {"kv_heads": 4}, upto=1e8)
    assert rungs and {(rung.n_heads % 4, rung.d_model % 256) for rung in rungs} == {(0, 0)}


def test_model_parts_reach_the_shape() -> None:
    model = shape(CPU_SMALL, 5e4, 1024, 64, {"mlp": "gelu", "qk_norm": False})
    assert (model.mlp, model.qk_norm, model.context, model.vocab) == ("gelu", False, 64, 1024)
    swiglu = build_shape(CPU_SMALL, 1024, 64, 48)
    gelu = build_shape(CPU_SMALL, 1024, 64, 48, {"mlp": "gelu"})
    assert count_parameters(gelu).matmul == pytest.approx(count_parameters(swiglu).matmul, rel=0.01)


@pytest.mark.parametrize("mlp", ["swiglu", "gelu"])
@pytest.mark.parametrize("active", [1, 2, 4])
def test_the_experts_of_a_token_are_as_wide_as_the_recipe_s_mlp(active: int, mlp: str) -> None:
    plain = build_shape(CPU_SMALL, 1024, 64, 48, {"mlp": mlp, "active": active})
    mixed = build_shape(CPU_SMALL, 1024, 64, 48, {"mlp": mlp, "experts": 8, "active": active})
    assert mixed.d_ff * active == pytest.approx(plain.d_ff, rel=0.03)
    assert count_parameters(mixed).matmul == pytest.approx(count_parameters(plain).matmul, rel=0.03)
    idle = 2 * (8 - active) * 3 * 48 * mixed.d_ff if mlp == "swiglu" else 2 * (8 - active) * 2 * 48 * mixed.d_ff
    more = count_parameters(mixed).total - count_parameters(mixed).matmul
    assert more == count_parameters(plain).total - count_parameters(plain).matmul + idle
    assert shape(CPU_SMALL, 5e4, 1024, 64, {"experts": 8, "active": active}).active == active


def test_flops_nodes_are_exact_at_the_shapes() -> None:
    nodes = dict(flops_nodes(CPU_SMALL, 1024, 128, low=2e4, high=2e5))
    for params in (2.5e4, 6e4, 1.7e5):
        model = shape(CPU_SMALL, params, 1024, 128)
        assert nodes[float(count_parameters(model).matmul)] == flops_per_token(model)
    assert min(nodes) < 2e4
    assert max(nodes) > 2e5
    assert list(nodes) == sorted(nodes)

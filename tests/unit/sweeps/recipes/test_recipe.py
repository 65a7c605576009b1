"""Recipes: sources, shapes that can be built, and the published figures of each rule."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.config import ModelConfig, RunConfig
from model.flops import count_parameters, flops_per_token
from sweeps.recipes.cpu_small import CPU_SMALL
from sweeps.recipes.ladder import build_shape, flops_nodes, ladder, shape
from sweeps.recipes.marin import MARIN_2025
from sweeps.recipes.nanochat import NANOCHAT
from sweeps.recipes.porian_olmo import PORIAN_OLMO
from sweeps.recipes.recipe import Recipe, RecipeError, train_config, values_of
from sweeps.recipes.registry import RECIPES, get_recipe

GOLDEN = {
    "cpu-small 12000 2000": "1aec7e42b9161422",
    "cpu-small 12000 20000": "83cc95e5969abeb4",
    "cpu-small 50000 2000": "0e866857c3a7dfdb",
    "cpu-small 50000 20000": "fe5783530514febf",
    "cpu-small 300000 2000": "0c46299942214d0b",
    "cpu-small 300000 20000": "c21d07e2fe75729c",
    "porian-olmo 5e+06 4000": "5bd6cf85e4440e23",
    "porian-olmo 5e+06 900000": "d7f5172cbd8a8a93",
    "porian-olmo 3e+07 4000": "96e0be98b200e210",
    "porian-olmo 3e+07 900000": "d4ae8fc635116529",
    "porian-olmo 4e+08 4000": "196f27d600577489",
    "porian-olmo 4e+08 900000": "0c7a9da686362e4f",
}


@pytest.mark.parametrize("cell", GOLDEN)
def test_runs_of_the_first_recipes_keep_their_identity(cell: str) -> None:
    name, params, sequences = cell.split()
    vocab, context = (1024, 128) if name == "cpu-small" else (8192, 512)
    recipe = get_recipe(name)
    model = shape(recipe, float(params), vocab, context)
    train = train_config(recipe, model, int(sequences), seed=1, numerics="bf16")
    assert RunConfig(model, train, "d" * 64).run_id == GOLDEN[cell]


def test_overridden_runs_keep_their_identity() -> None:
    values = {"lr": 0.001, "layers": 6, "warmup_per_param": 0.0, "warmup": 0.03, "schedule": "cosine"}
    recipe = get_recipe("porian-olmo", values)
    model = shape(recipe, 2e7, 4096, 256)
    assert RunConfig(model, train_config(recipe, model, 9999), "d" * 64).run_id == "8259b2dae7b6c8e2"
    recipe = get_recipe("cpu-small", {"embedding_lr": 0, "batch_tokens": 2048, "batch_length_exponent": 0, "heads": 2})
    model = shape(recipe, 6e4, 1024, 64, {"mlp": "gelu"})
    assert RunConfig(model, train_config(recipe, model, 9999), "d" * 64).run_id == "1fa9f22c3718b571"


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_value_has_a_source(recipe: Recipe) -> None:
    assert set(recipe.sources) == set(values_of(recipe))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_ladder_climbs_in_size_and_in_flops(recipe: Recipe) -> None:
    rungs = ladder(recipe, 1024, 128, upto=1e8)
    assert len(rungs) > 3
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


@settings(max_examples=20, deadline=None)
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


@pytest.mark.parametrize(("width", "layers"), [(512, 6), (1024, 11), (2048, 21), (4096, 40)])
def test_marin_depth_follows_its_published_rule(width: int, layers: int) -> None:
    # L = round(d / (64 + 4 log2 d - 9)), c_adamc.py.
    model = build_shape(MARIN_2025, 32_768, 4096, width)
    assert (model.n_layers, model.n_heads, model.d_ff) == (layers, width // 128, 4 * width)


def test_marin_batch_rate_and_beta2() -> None:
    model = build_shape(MARIN_2025, 32_768, 4096, 1024)
    # 2e10 tokens over 65,536 steps of 4,096 are 74.5 sequences, up to 128.
    train = train_config(MARIN_2025, model, round(2e10 / 4096))
    assert train.batch == 128
    assert train.lr == pytest.approx(0.33 * math.sqrt(128) / 1024)
    assert train.beta2 == pytest.approx(0.98)
    assert (train.beta1, train.eps, train.warmup, train.cooldown) == (0.95, 1e-15, 0.1, 0.2)
    large = train_config(MARIN_2025, model, round(1e12 / 4096))
    assert large.batch == 512, "4,096 sequences would want a rate above 0.01: halved until 512 give 0.0073"
    assert large.lr == pytest.approx(0.33 * math.sqrt(512) / 1024)
    assert large.beta2 == 0.95


@pytest.mark.parametrize("context", [256, 1024, 4096])
def test_marin_rules_are_of_tokens_whatever_the_context(context: int) -> None:
    model = build_shape(MARIN_2025, 32_768, context, 1024)
    train = train_config(MARIN_2025, model, round(2e10 / context))
    assert train.batch * context == 128 * 4096
    assert train.lr == pytest.approx(0.33 * math.sqrt(128) / 1024)
    tiny = train_config(MARIN_2025, model, 1000)
    assert tiny.batch >= 1
    assert tiny.lr == pytest.approx(0.33 * math.sqrt(tiny.batch * context / 4096) / 1024)


def test_nanochat_scales_from_its_twelve_blocks() -> None:
    model = build_shape(NANOCHAT, 32_768, 2048, 768)
    assert (model.n_layers, model.n_heads, model.tied_head, model.qk_norm) == (12, 6, False, True)
    reference = train_config(NANOCHAT, model, round(NANOCHAT.reference_tokens / 2048))
    assert reference.batch * 2048 == 2**19
    assert reference.lr == pytest.approx(NANOCHAT.lr)
    assert reference.weight_decay == pytest.approx(NANOCHAT.weight_decay, rel=1e-3)
    assert (reference.clip, reference.warmup_steps) == (0, 40)
    # Ten times the tokens: 2^19 · 10^0.383 is nearest to 2^20; the weight decay falls by ten and gains the root of 2.
    longer = train_config(NANOCHAT, model, round(10 * NANOCHAT.reference_tokens / 2048))
    assert longer.batch * 2048 == 2**20
    assert longer.lr == pytest.approx(NANOCHAT.lr * math.sqrt(2))
    assert longer.weight_decay == pytest.approx(NANOCHAT.weight_decay * math.sqrt(2) / 10, rel=1e-3)
    wider = train_config(NANOCHAT, build_shape(NANOCHAT, 32_768, 2048, 1536), round(NANOCHAT.reference_tokens / 2048))
    assert wider.lr == pytest.approx(NANOCHAT.lr / math.sqrt(2))


def test_values_of_other_recipes_are_refused_by_name() -> None:
    with pytest.raises(RecipeError, match="unknown value 'batch_exponent' of recipe marin-2025"):
        get_recipe("marin-2025", {"batch_exponent": 0.5})
    assert get_recipe("marin-2025", {"lr_constant": 0.2, "width_step": 64}).width_step == 64

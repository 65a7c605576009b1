"""Counted FLOPs and parameters against the built model and torch's own counter."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from model.config import ModelConfig
from model.flops import (
    attended_positions,
    attention_flops_per_token,
    count_parameters,
    flops_by_part,
    flops_per_token,
    flops_per_token_by,
    params_by,
)
from model.implementation import Implementation
from model.transformer import Transformer

CONVENTIONS = ("isoflop", "full_attention", "six_n", "kaplan", "chinchilla")
SHAPES = [
    ModelConfig(vocab=50, context=16, d_model=16, n_layers=1, n_heads=1, d_ff=40),
    ModelConfig(vocab=128, context=32, d_model=48, n_layers=3, n_heads=3, d_ff=128),
    ModelConfig(vocab=97, context=24, d_model=64, n_layers=2, n_heads=2, d_ff=96),
]

CONFIGS = st.builds(
    ModelConfig,
    vocab=st.integers(1, 40),
    context=st.integers(1, 8),
    d_model=st.sampled_from([8, 24]),
    n_layers=st.integers(1, 3),
    n_heads=st.sampled_from([2, 4]),
    kv_heads=st.sampled_from([0, 1, 2]),
    window=st.integers(0, 8),
    window_pattern=st.sampled_from(["S", "SL", "LSS"]),
    d_ff=st.integers(1, 20),
    mlp=st.sampled_from(["swiglu", "gelu", "relu2"]),
    qk_norm=st.booleans(),
    norm_weights=st.booleans(),
    tied_head=st.booleans(),
    biases=st.booleans(),
    rope_base=st.sampled_from([0.0, 1e4]),
)
MIXTURES = st.builds(
    lambda shape, experts, active: dataclasses.replace(shape, experts=experts, active=min(active, experts)),
    CONFIGS,
    st.integers(2, 5),
    st.integers(1, 5),
)


def counted_flops(shape: ModelConfig, implementation: Implementation, sequences: int) -> int:
    model = Transformer(shape, implementation=implementation)
    tokens = torch.zeros(sequences, shape.context, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        model.loss(tokens, tokens).backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("branches", ["autograd", "handwritten"])
@pytest.mark.parametrize("sequences", [1, 20])
def test_torch_counts_the_same_flops(shape: ModelConfig, branches: str, sequences: int) -> None:
    n, tokens = count_parameters(shape).matmul, sequences * shape.context
    expected = 6 * n * tokens + 12 * shape.n_layers * shape.d_model * shape.context * tokens
    assert counted_flops(shape, Implementation(branches=branches), sequences) == expected
    assert flops_per_token_by(shape)["full_attention"] * tokens == expected


@pytest.mark.parametrize("mlp", ["swiglu", "gelu", "relu2"])
@pytest.mark.parametrize("tied", [False, True])
def test_torch_counts_the_same_flops_for_options(mlp: str, tied: bool) -> None:
    shape = dataclasses.replace(SHAPES[1], mlp=mlp, tied_head=tied, qk_norm=False, norm_weights=True, biases=True)
    assert counted_flops(shape, Implementation(), 2) == flops_per_token_by(shape)["full_attention"] * 2 * shape.context


@settings(max_examples=15, deadline=None)
@given(CONFIGS, st.integers(1, 3), st.sampled_from(["whole", "chunked"]))
def test_torch_counts_the_same_flops_for_any_shape(shape: ModelConfig, sequences: int, head: str) -> None:
    """Explicit attention, forward and backward: 6 · N · D + 12 · L · d · T · D, with and without chunks of logits.

    It computes all positions, those outside a window too, whose FLOPs no convention counts."""
    tokens = sequences * shape.context
    n = count_parameters(shape).matmul
    expected = 6 * n * tokens + 12 * shape.n_layers * shape.d_model * shape.context * tokens
    assert counted_flops(shape, Implementation(head=head), sequences) == expected


@settings(max_examples=60, deadline=None)
@given(CONFIGS)
def test_parameter_counts_match_the_built_model(shape: ModelConfig) -> None:
    model = Transformer(shape)
    counts = count_parameters(shape)
    outside = {id(p) for part in (model.embedding, model.head) for p in part.parameters()}
    parameters = list(model.parameters())
    assert counts.total == sum(p.numel() for p in parameters)
    assert counts.nonembedding == sum(p.numel() for p in parameters if id(p) not in outside)
    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear)]
    assert counts.matmul == sum(m.weight.numel() for m in linear)


@settings(max_examples=12, deadline=None)
@given(MIXTURES, st.integers(1, 3))
def test_torch_counts_the_same_flops_for_experts(shape: ModelConfig, sequences: int) -> None:
    """The router and the experts that each token goes through, forward and backward; windows are materialised whole."""
    tokens, whole = sequences * shape.context, dataclasses.replace(shape, window=0)
    assert counted_flops(shape, Implementation(), sequences) == flops_per_token_by(whole)["full_attention"] * tokens


@settings(max_examples=30, deadline=None)
@given(MIXTURES)
def test_parameter_counts_of_experts_match_the_built_model(shape: ModelConfig) -> None:
    model, counts = Transformer(shape), count_parameters(shape)
    idle = sum(
        parameter.numel()
        for mixture in model.mixtures
        for expert in list(mixture.experts)[shape.active :]
        for parameter in expert.parameters()
    )
    outside = sum(p.numel() for p in {*model.embedding.parameters(), *model.head.parameters()})
    assert counts.total == sum(p.numel() for p in model.parameters())
    assert counts.nonembedding == counts.total - outside - idle
    plain = dataclasses.replace(shape, experts=1, d_ff=shape.active * shape.d_ff)
    router = shape.n_layers * shape.experts * shape.d_model
    assert counts.matmul == count_parameters(plain).matmul + router
    parts = flops_by_part(shape)
    assert sum(parts.values()) == pytest.approx(flops_per_token(shape), rel=1e-12)
    assert parts["mlp"] == flops_by_part(plain)["mlp"] + 6 * router


@pytest.mark.parametrize("pattern", ["S", "SL"])
@pytest.mark.parametrize("window", [1, 5, 23])
def test_torch_counts_the_positions_of_a_window(window: int, pattern: str) -> None:
    """A window's two products over its own positions alone, gathered for each query, forward and backward."""
    shape = dataclasses.replace(SHAPES[2], window=window, window_pattern=pattern)
    B, T = 2, shape.context
    pairs = [torch.ones(B * shape.n_heads * T, 1, shape.head_size, requires_grad=True) for _ in shape.windows]
    with FlopCounterMode(display=False) as counter:
        for query, positions in zip(pairs, shape.windows, strict=True):
            keys = torch.ones(len(query), positions, shape.head_size, requires_grad=True)
            scores = torch.bmm(query, keys.mT)
            torch.bmm(scores, keys * 1).sum().backward()
    counted = counter.get_total_flops()
    assert attention_flops_per_token(shape, causal=False) * B * T == counted
    causal = sum(sum(min(t + 1, w) for t in range(T)) / T for w in shape.windows)
    assert attended_positions(shape, causal=True) == pytest.approx(causal, abs=0.5 * shape.n_layers), "half a position"


def test_grouped_heads_and_windows_by_hand() -> None:
    """d 8, four heads of 2 with keys for two of them, T 8, a window of 4 in two blocks of three, ReLU² of 16, V 10."""
    shape = ModelConfig(10, 8, 8, 3, 4, 16, mlp="relu2", kv_heads=2, window=4, window_pattern="SSL")
    assert count_parameters(shape).matmul == 3 * (64 + 2 * 8 * 4 + 64 + 2 * 8 * 16) + 80
    causal, whole = 2 * (4 - 16 / 16) + 4, 2 * 4 + 8
    by = flops_per_token_by(shape)
    assert by["isoflop"] == by["six_n"] + 12 * 8 * causal
    assert by["full_attention"] == by["six_n"] + 12 * 8 * whole
    assert by["kaplan"] == 6 * count_parameters(shape).nonembedding
    assert by["chinchilla"] == by["full_attention"] + 6 * 80 + 3 * 3 * 4 * whole
    vectors = dataclasses.replace(shape, biases=True, norm_weights=True)
    biases, norms = 3 * (8 + 2 * 4 + 8 + 16 + 8), 3 * (2 * 8 + 2 * 2) + 8
    assert count_parameters(vectors).nonembedding - count_parameters(shape).nonembedding == biases + norms


LLAMA = {"n_heads": 32, "norm_weights": True, "qk_norm": False}


@pytest.mark.parametrize(
    ("name", "shape", "total"),
    [
        ("Llama 2 7B", ModelConfig(32_000, 4096, 4096, 32, d_ff=11_008, **LLAMA), 6_738_415_616),
        ("Llama 3 8B", ModelConfig(128_256, 8192, 4096, 32, d_ff=14_336, kv_heads=8, **LLAMA), 8_030_261_248),
        (
            "Llama 3.2 1B",
            ModelConfig(128_256, 8192, 2048, 16, d_ff=8192, kv_heads=8, tied_head=True, **LLAMA),
            1_235_814_400,
        ),
        (
            "Mistral 7B",
            ModelConfig(32_000, 8192, 4096, 32, d_ff=14_336, kv_heads=8, window=4096, **LLAMA),
            7_241_732_096,
        ),
    ],
)
def test_known_models_have_their_parameters(name: str, shape: ModelConfig, total: int) -> None:
    assert count_parameters(shape).total == total, name


def test_nanochat_s_twelve_blocks_have_its_matrices_and_its_flops() -> None:
    """Its transformer matrices, 12 · 12 · 768²; its count of attention: 12 · heads · 128 · window, in each block."""
    shape = ModelConfig(
        *(32_768, 2048, 768, 12, 6), d_ff=4 * 768, mlp="relu2", window=512, window_pattern="SSSL", logit_cap=15
    )
    counts = count_parameters(shape)
    assert counts.nonembedding == 84_934_656
    windows = [512, 512, 512, 2048] * 3
    assert list(shape.windows) == windows
    assert flops_per_token_by(shape)["full_attention"] == 6 * counts.matmul + sum(12 * 6 * 128 * w for w in windows)


def test_default_convention_by_hand() -> None:
    # d 2, one layer, one head, ff 3, V 5, T 4: matrices 4·4 + 3·6 = 34, head 10, causal attention 12·2·2 = 48
    shape = ModelConfig(vocab=5, context=4, d_model=2, n_layers=1, n_heads=1, d_ff=3)
    assert flops_per_token(shape) == 6 * 44 + 48


def test_published_shares_of_conventions() -> None:
    """Body, head and attention of d 64, L 4, V 2048, T 256 cost 50, 33 and 17 %; Chinchilla's count is 1.5 times."""
    shape = ModelConfig(vocab=2048, context=256, d_model=64, n_layers=4, n_heads=2, d_ff=171)
    by = flops_per_token_by(shape)
    assert set(by) == set(CONVENTIONS)
    assert by["kaplan"] / by["isoflop"] == pytest.approx(0.50, abs=0.01)
    assert by["six_n"] / by["isoflop"] == pytest.approx(0.83, abs=0.01)
    assert by["full_attention"] / by["isoflop"] == pytest.approx(1.17, abs=0.01)
    assert by["chinchilla"] / by["isoflop"] == pytest.approx(1.51, abs=0.02)


@given(model=CONFIGS)
@settings(max_examples=50, deadline=None)
def test_parts_add_up_to_the_flops_of_a_token(model: ModelConfig) -> None:
    parts = flops_by_part(model)
    assert sum(parts.values()) == pytest.approx(flops_per_token(model), rel=1e-12)
    assert parts["head"] + parts["mlp"] + parts["attention_projections"] == 6 * count_parameters(model).matmul


def test_each_convention_says_what_its_size_is() -> None:
    model = SHAPES[0]
    counts = count_parameters(model)
    sizes = params_by(model)
    assert tuple(sizes) == CONVENTIONS == tuple(flops_per_token_by(model))
    assert (sizes["isoflop"], sizes["kaplan"], sizes["chinchilla"]) == (
        counts.matmul,
        counts.nonembedding,
        counts.total,
    )
    assert flops_per_token_by(model)["kaplan"] == 6 * sizes["kaplan"]


def test_every_convention_by_hand() -> None:
    """d 4, two blocks of two heads, ff 6, V 10, T 8: matrices 2 · (64 + 72) = 272, head 40, look-up 40."""
    shape = ModelConfig(vocab=10, context=8, d_model=4, n_layers=2, n_heads=2, d_ff=6)
    attention = 12 * 2 * 4  # 12 · L · d for each position that is attended to
    assert flops_per_token_by(shape) == {
        "isoflop": 6 * 312 + attention * 4,
        "full_attention": 6 * 312 + attention * 8,
        "six_n": 6 * 312,
        "kaplan": 6 * 272,
        # Appendix F, forward: softmax 3 · heads · T each block; backward twice that.
        "chinchilla": 6 * 312 + 6 * 40 + attention * 8 + 3 * 2 * 3 * 2 * 8,
    }
    assert flops_by_part(shape) == {
        "attention_scores": attention * 4,
        "attention_projections": 6 * 2 * 64,
        "mlp": 6 * 2 * 72,
        "head": 6 * 40,
    }


def test_every_count_by_hand() -> None:
    """The same shape with biases (4 · 4 of attention, 12 and 4 of the MLP) and norms (8 and 2 · 2, and the last, 4)."""
    shape = ModelConfig(vocab=10, context=8, d_model=4, n_layers=2, n_heads=2, d_ff=6, biases=True, norm_weights=True)
    vectors = 2 * (16 + 16) + 2 * (8 + 4) + 4
    counts = count_parameters(shape)
    assert (counts.matmul, counts.nonembedding, counts.total) == (312, 272 + vectors, 272 + vectors + 80 + 10)
    tied = count_parameters(dataclasses.replace(shape, tied_head=True))
    assert (tied.matmul, tied.nonembedding, tied.total) == (312, 272 + vectors, 272 + vectors + 40 + 10)
    gelu = count_parameters(dataclasses.replace(shape, mlp="gelu", qk_norm=False))
    assert (gelu.matmul, gelu.nonembedding) == (312 - 48, 272 - 48 + vectors - 2 * 6 - 2 * 4)

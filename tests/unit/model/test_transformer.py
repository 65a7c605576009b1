"""The model against plain loops in float64."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
import torch
from torch import Tensor

from model.config import ModelConfig
from model.cpu import build
from model.implementation import Implementation
from model.transformer import (
    EMBEDDING_STD,
    MLP,
    Attention,
    Positions,
    RMSNorm,
    Transformer,
    explicit_attention,
    logit_scale,
)
from tests.unit.model.cpu.cpu_data import FLOAT64, draw
from tests.unit.model.model_data import SHAPE


def reference_attention(q: Tensor, k: Tensor, v: Tensor, window: int = 10**9) -> Tensor:
    """One head in plain loops over the latest `window` positions: [T, K] each."""
    T, K = q.shape
    q, k, v = q.detach(), k.detach(), v.detach()
    y = torch.zeros(T, K, dtype=FLOAT64)
    for t in range(T):
        seen = range(max(0, t + 1 - window), t + 1)
        exponentials = [math.exp(sum(q[t, c] * k[s, c] for c in range(K)) / math.sqrt(K)) for s in seen]
        for s, exponential in zip(seen, exponentials, strict=True):
            y[t] += exponential / sum(exponentials) * v[s]
    return y


def reference_rms(x: list[float], eps: float) -> list[float]:
    root = math.sqrt(sum(value * value for value in x) / len(x) + eps)
    return [value / root for value in x]


def test_explicit_attention_equals_loops() -> None:
    q, k, v = (draw(2, 3, 7, 4, seed=s) for s in range(3))
    y = explicit_attention(q, k, v)
    for b, h in itertools.product(range(2), range(3)):
        torch.testing.assert_close(y[b, h], reference_attention(q[b, h], k[b, h], v[b, h]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_rms_norm_equals_loops(weighted: bool) -> None:
    norm = RMSNorm(6, 1e-3, weighted).double()
    if weighted:
        norm.weight.data = draw(6, seed=9)
    x = draw(5, 6)
    expected = torch.tensor([reference_rms(row.tolist(), 1e-3) for row in x], dtype=FLOAT64)
    torch.testing.assert_close(norm(x), expected * (norm.weight if weighted else 1), rtol=1e-12, atol=1e-12)


def test_rope_equals_loops() -> None:
    T, K, base = 9, 6, 100.0
    x = draw(1, T, 1, K)
    y = Positions(T, K, base).double()(x)
    for t, p in itertools.product(range(T), range(K // 2)):
        angle = t * base ** (-2 * p / K)
        a, b = x[0, t, 0, 2 * p].item(), x[0, t, 0, 2 * p + 1].item()
        turned = (a * math.cos(angle) - b * math.sin(angle), b * math.cos(angle) + a * math.sin(angle))
        assert y[0, t, 0, 2 * p : 2 * p + 2].tolist() == pytest.approx(turned, abs=1e-6)


def test_rope_makes_scores_depend_on_distance_alone() -> None:
    positions = Positions(40, 8, 10_000.0).double()
    q, k = (positions(draw(1, 1, 1, 8, seed=s).expand(1, 40, 1, 8)) for s in (1, 2))
    score = [(q[0, t, 0] * k[0, t - 5, 0]).sum().item() for t in (5, 20, 39)]
    assert score == pytest.approx([score[0]] * 3, abs=1e-6)


@pytest.mark.parametrize("kind", ["swiglu", "gelu", "relu2"])
def test_mlp_equals_loops(kind: str) -> None:
    mlp = MLP(ModelConfig(vocab=4, context=4, d_model=4, n_layers=1, n_heads=1, d_ff=3, mlp=kind)).double()
    up, down = mlp.up.weight.tolist(), mlp.down.weight.tolist()
    x = draw(4).tolist()
    projected = [sum(w * value for w, value in zip(row, x, strict=True)) for row in up]
    if kind == "swiglu":
        hidden = [g / (1 + math.exp(-g)) * u for g, u in zip(projected[:3], projected[3:], strict=True)]
    elif kind == "gelu":
        hidden = [u * 0.5 * (1 + math.erf(u / math.sqrt(2))) for u in projected]
    else:
        hidden = [max(0.0, u) ** 2 for u in projected]
    expected = [sum(w * value for w, value in zip(row, hidden, strict=True)) for row in down]
    assert mlp(torch.tensor([[x]], dtype=FLOAT64)).flatten().tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("attention", ["explicit", "fused"])
@pytest.mark.parametrize("qk_norm", [True, False])
def test_attention_layer_equals_loops(attention: str, qk_norm: bool) -> None:
    shape = dataclasses.replace(SHAPE, qk_norm=qk_norm)
    layer = Attention(shape, Implementation(attention=attention)).double()
    rotate = Positions(shape.context, shape.head_size, shape.rope_base).double()
    x = draw(1, 5, 16)
    q, k, v = ((x[0] @ layer.qkv.weight.T).view(5, 3, 2, 8)[:, part] for part in range(3))
    if qk_norm:
        q, k = (
            torch.tensor([[reference_rms(head.tolist(), shape.norm_eps) for head in row] for row in z], dtype=FLOAT64)
            for z in (q, k)
        )
    q, k = rotate(q[None])[0], rotate(k[None])[0]
    heads = [reference_attention(q[:, h], k[:, h], v[:, h]) for h in range(2)]
    expected = torch.cat(heads, dim=1) @ layer.out.weight.T
    torch.testing.assert_close(layer(x, rotate)[0], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("attention", ["explicit", "fused"])
@pytest.mark.parametrize(("kv_heads", "window"), [(1, 0), (2, 3), (4, 1), (1, 5)])
def test_grouped_heads_and_windows_equal_loops(attention: str, kv_heads: int, window: int) -> None:
    """Four heads of queries of size 4; head h reads the keys and values of group h ÷ (4 ÷ groups)."""
    shape = dataclasses.replace(SHAPE, n_heads=4, kv_heads=kv_heads, window=window)
    layer = Attention(shape, Implementation(attention=attention), window).double()
    rotate = Positions(shape.context, shape.head_size, shape.rope_base).double()
    x = draw(1, 7, 16)
    rows = layer.qkv.weight
    assert rows.shape == (16 + 2 * 4 * kv_heads, 16)
    made = [part.view(7, -1, 4) for part in (x[0] @ rows.T).split((16, 4 * kv_heads, 4 * kv_heads), dim=1)]
    q, k = (
        rotate(
            torch.tensor([[reference_rms(h.tolist(), shape.norm_eps) for h in row] for row in z], dtype=FLOAT64)[None]
        )[0]
        for z in made[:2]
    )
    shared = 4 // kv_heads
    heads = [
        reference_attention(q[:, h], k[:, h // shared], made[2][:, h // shared], window or 10**9) for h in range(4)
    ]
    expected = torch.cat(heads, dim=1) @ layer.out.weight.T
    torch.testing.assert_close(layer(x, rotate)[0], expected, rtol=1e-9, atol=1e-9)


def test_blocks_have_the_windows_of_their_pattern() -> None:
    """With blocks that see 4, 4 and all positions, a change of the first token reaches all; without an L, 4 · 3 - 3."""
    shape = dataclasses.replace(SHAPE, n_layers=3, window=4, window_pattern="SSL")
    tokens = torch.arange(32)[None] % 7
    changed = tokens.clone()
    changed[0, 0] = 9
    reach = {}
    for pattern in ("SSL", "S"):
        model = Transformer(dataclasses.replace(shape, window_pattern=pattern)).double()
        reach[pattern] = int((model(tokens) - model(changed)).abs().amax(-1)[0].gt(1e-12).nonzero().max()) + 1
    assert reach == {"SSL": 32, "S": 3 * (4 - 1) + 1}


def test_loss_equals_loops() -> None:
    model = Transformer(dataclasses.replace(SHAPE, logit_cap=5.0)).double()
    tokens = torch.arange(66).view(2, 33) * 5 % 64
    logits = model(tokens[:, :-1])
    total = 0.0
    for row, target in zip(logits.flatten(0, 1).tolist(), tokens[:, 1:].flatten().tolist(), strict=True):
        total += math.log(sum(math.exp(value) for value in row)) - row[target]
    assert logits.abs().max() < 5.0
    assert model.loss(tokens[:, :-1], tokens[:, 1:]).item() == pytest.approx(total / 64, rel=1e-12)


def test_no_position_sees_later_tokens() -> None:
    model = Transformer(SHAPE).double()
    tokens = torch.arange(32)[None] % 7
    changed = tokens.clone()
    changed[0, 20:] = 9
    before, after = model(tokens), model(changed)
    torch.testing.assert_close(before[0, :20], after[0, :20], rtol=0, atol=1e-12)
    assert (before[0, 20:] - after[0, 20:]).abs().max() > 1e-3


def test_initial_weights_depend_on_seed_alone() -> None:
    torch.manual_seed(1)
    first = Transformer(SHAPE, seed=3)
    torch.manual_seed(2)
    second, other = Transformer(SHAPE, seed=3), Transformer(SHAPE, seed=4)
    pairs = list(zip(first.parameters(), second.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert not any(torch.equal(a, c) for a, _, c in pairs)


IMPLEMENTATIONS = [
    Implementation(),
    Implementation(attention="fused", head="chunked"),
    Implementation(branches="handwritten"),
    *([Implementation(branches="native")] if build.compiler() else []),
]


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("vocab", [64, 1024, 8192])
@pytest.mark.parametrize("width", [8, 24, 128, 512])
def test_first_loss_of_a_tied_head_is_that_of_a_guess(width: int, vocab: int, implementation: Implementation) -> None:
    shape = ModelConfig(vocab, context=16, d_model=width, n_layers=2, n_heads=1, d_ff=width, tied_head=True)
    tokens = torch.randint(vocab, (24, 17), generator=torch.Generator().manual_seed(1))
    model = Transformer(shape, seed=2, implementation=implementation)
    with torch.no_grad():
        assert model.loss(tokens[:, :-1], tokens[:, 1:]).item() == pytest.approx(math.log(vocab), abs=0.4)


@pytest.mark.parametrize("change", [{"biases": True}, {"logit_cap": 4.0}, {"norm_weights": True}, {"n_layers": 12}])
def test_first_loss_of_a_tied_head_whatever_the_parts(change: dict) -> None:
    model = Transformer(dataclasses.replace(SHAPE, tied_head=True, **change))
    tokens = torch.arange(33 * 8).view(8, 33) * 13 % 64
    assert model.loss(tokens[:, :-1], tokens[:, 1:]).item() == pytest.approx(math.log(64), abs=0.4)


@pytest.mark.parametrize(
    ("width", "vocab", "scale"),
    [(4, 1024, 1 / 4), (64, 1024, 4 / 64), (256, 1024, math.log(1 + 1024 / math.e**2) / 256), (256, 7, 0.666 / 256)],
)
def test_factor_of_a_tied_head_s_logits(width: int, vocab: int, scale: float) -> None:
    """Half the root of the width, but no more than the logit whose exponential is an eighth of the vocabulary's sum."""
    shape = ModelConfig(vocab, context=4, d_model=width, n_layers=1, n_heads=1, d_ff=4, tied_head=True)
    assert logit_scale(shape) == pytest.approx(scale, rel=1e-3)
    assert logit_scale(dataclasses.replace(shape, tied_head=False)) == 1


def test_logits_of_a_tied_head_are_products_with_the_embedding() -> None:
    model = Transformer(dataclasses.replace(SHAPE, tied_head=True)).double()
    x_BTD = draw(1, 3, 16)
    rows = [reference_rms(row.tolist(), SHAPE.norm_eps) for row in x_BTD[0]]
    expected = torch.tensor(rows, dtype=FLOAT64) @ model.embedding.weight.T * model.logit_scale
    torch.testing.assert_close(model.logits(x_BTD)[0], expected, rtol=1e-9, atol=1e-9)


def test_first_loss_is_near_a_uniform_guess() -> None:
    tokens = torch.arange(33 * 8).view(8, 33) * 13 % 64
    assert Transformer(SHAPE).loss(tokens[:, :-1], tokens[:, 1:]).item() == pytest.approx(math.log(64), abs=0.7)


@pytest.mark.parametrize("layers", [1, 2, 8])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("mlp", ["swiglu", "gelu", "relu2"])
def test_standard_deviation_of_every_initial_weight(layers: int, tied: bool, mlp: str) -> None:
    """1 for the embedding, 1/√(fan-in) for matrices, and 1/√(2L) of that for the outputs of residual branches."""
    shape = ModelConfig(512, 8, 96, layers, 2, 160, mlp=mlp, tied_head=tied, biases=True, norm_weights=True)
    model = Transformer(shape, seed=5)
    residual = math.sqrt(2 * layers)
    inner = {"attention.qkv": 96**-0.5, "attention.out": 96**-0.5 / residual}
    inner |= {"mlp.up": 96**-0.5, "mlp.down": 160**-0.5 / residual}
    expected = {f"blocks.{block}.{name}.weight": std for block in range(layers) for name, std in inner.items()}
    expected |= {"embedding.weight": 1.0} | ({} if tied else {"head.weight": 96**-0.5})
    matrices = {name: weight for name, weight in model.named_parameters() if weight.ndim == 2}
    assert set(matrices) == set(expected)
    for name, weight in matrices.items():
        assert weight.std().item() == pytest.approx(expected[name], rel=0.03), name
        assert abs(weight.mean().item()) < 0.03 * expected[name], name
        assert weight.abs().max().item() > 3.3 * expected[name], f"{name} is not normal"
    vectors = {name: weight for name, weight in model.named_parameters() if weight.ndim == 1}
    for name, weight in vectors.items():
        assert (weight == (0 if name.endswith("bias") else 1)).all(), name
    assert len(vectors) == layers * 8 + 2, "four biases and four norms a block, the head's bias and the last norm"
    assert EMBEDDING_STD == 1


@pytest.mark.parametrize("layers", [1, 4, 16])
def test_residual_stream_grows_alike_at_every_depth(layers: int) -> None:
    """Branch outputs of 1/√(2L) keep its mean square below 2.5, where undivided ones would multiply it."""
    model = Transformer(ModelConfig(256, 32, 64, layers, 2, 171), seed=1)
    tokens = torch.randint(256, (4, 32), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        square = model.hidden(tokens).square().mean().item()
    assert 1.02 < square < 1.5

"""The model against plain loops in float64."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
import torch
from torch import Tensor

from model.config import ModelConfig
from model.implementation import Implementation
from model.transformer import MLP, Attention, Positions, RMSNorm, Transformer, explicit_attention
from tests.unit.model.cpu.cpu_data import FLOAT64, draw
from tests.unit.model.model_data import SHAPE


def reference_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """One head in plain loops: [T, K] each."""
    T, K = q.shape
    q, k, v = q.detach(), k.detach(), v.detach()
    y = torch.zeros(T, K, dtype=FLOAT64)
    for t in range(T):
        scores = [sum(q[t, c] * k[s, c] for c in range(K)) / math.sqrt(K) for s in range(t + 1)]
        exponentials = [math.exp(score) for score in scores]
        for s in range(t + 1):
            y[t] += exponentials[s] / sum(exponentials) * v[s]
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


@pytest.mark.parametrize("kind", ["swiglu", "gelu"])
def test_mlp_equals_loops(kind: str) -> None:
    mlp = MLP(ModelConfig(vocab=4, context=4, d_model=4, n_layers=1, n_heads=1, d_ff=3, mlp=kind)).double()
    up, down = mlp.up.weight.tolist(), mlp.down.weight.tolist()
    x = draw(4).tolist()
    projected = [sum(w * value for w, value in zip(row, x, strict=True)) for row in up]
    if kind == "swiglu":
        hidden = [g / (1 + math.exp(-g)) * u for g, u in zip(projected[:3], projected[3:], strict=True)]
    else:
        hidden = [u * 0.5 * (1 + math.erf(u / math.sqrt(2))) for u in projected]
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


def test_first_loss_is_near_a_uniform_guess() -> None:
    tokens = torch.arange(33 * 8).view(8, 33) * 13 % 64
    assert Transformer(SHAPE).loss(tokens[:, :-1], tokens[:, 1:]).item() == pytest.approx(math.log(64), abs=0.7)

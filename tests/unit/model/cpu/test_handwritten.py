"""The hand-written branches against autograd and against finite differences."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from model.cpu import handwritten
from model.implementation import Implementation
from model.transformer import Transformer
from tests.unit.model.cpu.cpu_data import FLOAT64, draw
from tests.unit.model.model_data import SHAPE


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("sequences", [1, 3, 40])
def test_handwritten_branches_equal_autograd(heads: int, sequences: int) -> None:
    """Loss and every gradient; 40 sequences take several chunks of tokens."""
    shape = dataclasses.replace(SHAPE, n_heads=heads)
    plain = Transformer(shape, seed=1).double()
    fast = Transformer(shape, seed=1, implementation=Implementation(branches="handwritten")).double()
    tokens = torch.arange(sequences * 33).view(sequences, 33) ** 2 % 61
    losses = [model.loss(tokens[:, :-1], tokens[:, 1:]) for model in (plain, fast)]
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=1e-7)
    with torch.no_grad():
        assert fast.loss(tokens[:, :-1], tokens[:, 1:]).item() == pytest.approx(losses[1].item(), rel=1e-14)
    for loss in losses:
        loss.backward()
    for (name, a), b in zip(plain.named_parameters(), fast.parameters(), strict=True):
        scale = a.grad.abs().max().item()
        # Tables of sine and cosine are rounded to fp32, so a rotation keeps a norm to 1e-7 only.
        torch.testing.assert_close(b.grad, a.grad, rtol=0, atol=1e-6 * scale, msg=lambda m, name=name: f"{name}: {m}")


def test_handwritten_scores_in_several_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = torch.arange(5 * 33).view(5, 33) ** 2 % 61
    model = Transformer(SHAPE, implementation=Implementation(branches="handwritten")).double()
    whole = torch.autograd.grad(model.loss(tokens[:, :-1], tokens[:, 1:]), list(model.parameters()))
    monkeypatch.setattr(handwritten, "SCORES_AT_ONCE", 3 * 32 * 32)
    monkeypatch.setattr(handwritten, "HEAD_CHUNK", 50)
    parts = torch.autograd.grad(model.loss(tokens[:, :-1], tokens[:, 1:]), list(model.parameters()))
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_gradcheck_of_branches() -> None:
    B, T, H, K, D, F, V = 2, 3, 2, 2, 4, 3, 5
    angles = torch.outer(torch.tensor([1.0], dtype=FLOAT64), torch.arange(T, dtype=FLOAT64))
    x, w_qkv, w_out = draw(D, B * T), draw(3 * D, D, seed=1), draw(D, D, seed=2)
    for tensor in (x, w_qkv, w_out):
        tensor.requires_grad_()
    shape = handwritten.BatchShape(B, T, H, 1e-3)
    assert H * K == D
    assert torch.autograd.gradcheck(handwritten.attention_branch, (x, w_qkv, w_out, angles.cos(), angles.sin(), shape))
    w_up, w_down = draw(2 * F, D, seed=3).requires_grad_(), draw(D, F, seed=4).requires_grad_()
    assert torch.autograd.gradcheck(handwritten.mlp_branch, (x, w_up, w_down, 1e-3))
    head, targets = draw(V, D, seed=5).requires_grad_(), torch.arange(B * T) % V
    assert torch.autograd.gradcheck(handwritten.head_loss, (x, head, targets, 1e-3))


def test_tied_head_trains_one_matrix() -> None:
    shape = dataclasses.replace(SHAPE, tied_head=True)
    tokens = torch.arange(66).view(2, 33) % 60
    gradients = []
    for kind in ("autograd", "handwritten"):
        model = Transformer(shape, implementation=Implementation(branches=kind)).double()
        assert model.head.weight is model.embedding.weight
        model.loss(tokens[:, :-1], tokens[:, 1:]).backward()
        gradients.append(model.embedding.weight.grad)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=1e-6 * gradients[0].abs().max().item())

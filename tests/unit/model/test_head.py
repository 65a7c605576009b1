"""The chunked head against plain loops and against the whole head."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from model import transformer
from model.head import linear_cross_entropy
from model.implementation import Implementation
from model.transformer import Transformer
from tests.unit.model.model_data import SHAPE

FLOAT64 = torch.float64


def test_loss_equals_loops() -> None:
    generator = torch.Generator().manual_seed(0)
    x, w, b = (torch.randn(*s, dtype=FLOAT64, generator=generator) for s in ((5, 3), (7, 3), (7,)))
    targets = torch.tensor([0, 6, 3, 3, 1])
    total = 0.0
    for n in range(5):
        logits = [
            2 * math.tanh((sum(x[n, d].item() * w[v, d].item() for d in range(3)) + b[v].item()) / 2) for v in range(7)
        ]
        total += math.log(sum(math.exp(value) for value in logits)) - logits[targets[n]]
    loss = linear_cross_entropy(x, w, b, targets, cap=2.0, chunk=2)
    assert loss.item() == pytest.approx(total / 5, rel=1e-12)


@pytest.mark.parametrize("chunk", [1, 3, 100])
@pytest.mark.parametrize("cap", [0.0, 1.5])
@pytest.mark.parametrize("biased", [False, True])
def test_gradients_are_right(chunk: int, cap: float, biased: bool) -> None:
    x = torch.randn(7, 4, dtype=FLOAT64, requires_grad=True)
    w = torch.randn(5, 4, dtype=FLOAT64, requires_grad=True)
    b = torch.randn(5, dtype=FLOAT64, requires_grad=True) if biased else None
    targets = torch.arange(7) % 5
    assert torch.autograd.gradcheck(
        lambda *a: linear_cross_entropy(*a, targets, cap=cap, chunk=chunk), (x, w, b), atol=1e-7
    )


@pytest.mark.parametrize("change", [{}, {"tied_head": True, "logit_cap": 4.0}, {"biases": True}])
def test_chunked_head_equals_the_whole(change: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer, "head_chunk", lambda vocab: 10)
    tokens = torch.arange(66).view(2, 33) * 5 % 64
    losses, gradients = [], []
    for head in ("whole", "chunked"):
        model = Transformer(dataclasses.replace(SHAPE, **change), 1, Implementation(head=head)).double()
        loss = model.loss(tokens[:, :-1], tokens[:, 1:])
        losses.append(loss.item())
        gradients.append(torch.autograd.grad(loss, list(model.parameters())))
        with torch.no_grad():
            assert model.loss(tokens[:, :-1], tokens[:, 1:]).item() == pytest.approx(losses[-1], rel=1e-14)
    assert losses[1] == pytest.approx(losses[0], rel=1e-12)
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-9, atol=1e-12)


def test_chunked_head_under_autocast_equals_the_whole() -> None:
    tokens = torch.arange(66).view(2, 33) * 5 % 64
    losses, gradients = [], []
    for head in ("whole", "chunked"):
        model = Transformer(SHAPE, 1, Implementation(head=head))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model.loss(tokens[:, :-1], tokens[:, 1:])
        loss.backward()
        losses.append(loss.item())
        gradients.append(model.head.weight.grad)
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0.05, atol=2e-4)

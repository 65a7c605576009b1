"""Each stacked layer against the layers whose weights it holds."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from model.config import ConfigError
from model.implementation import Implementation
from model.stacked import layers
from model.stacked.layers import StackedEmbedding, StackedLinear, StackedRMSNorm, stacked_model
from model.stacked.storage import StackedParameters
from model.transformer import RMSNorm, Transformer
from tests.unit.model.model_data import SHAPE


def test_linear() -> None:
    single = [nn.Linear(3, 5) for _ in range(2)]
    stacked = StackedLinear(
        nn.Parameter(torch.stack([s.weight.detach() for s in single])),
        nn.Parameter(torch.stack([s.bias.detach() for s in single])),
    )
    x = torch.randn(2 * 4, 6, 3)
    expected = torch.cat([s(part) for s, part in zip(single, x.chunk(2), strict=True)])
    assert torch.allclose(stacked(x), expected, atol=1e-6)
    stacked.bias = None
    without = torch.cat([s(part) - s.bias for s, part in zip(single, x.chunk(2), strict=True)])
    assert torch.allclose(stacked(x), without, atol=1e-6)


def test_embedding_and_its_gradient() -> None:
    weight = nn.Parameter(torch.arange(2 * 4 * 3.0).view(2, 4, 3))
    tokens = torch.tensor([[0, 3], [1, 1], [2, 0], [3, 3]])  # two sequences of each run
    rows = StackedEmbedding(weight)(tokens)
    assert torch.equal(rows[1], weight[0, [1, 1]])
    assert torch.equal(rows[2], weight[1, [2, 0]])
    (gradient,) = torch.autograd.grad(rows.sum(), weight)
    assert gradient[1, 3].tolist() == [2, 2, 2]
    assert gradient[1, 1].tolist() == [0, 0, 0]


def test_norm() -> None:
    single = [RMSNorm(4, 1e-6, weighted=True) for _ in range(3)]
    for number, norm in enumerate(single, 1):
        nn.init.constant_(norm.weight, number)
    stacked = StackedRMSNorm(nn.Parameter(torch.stack([n.weight.detach() for n in single])), 1e-6)
    x = torch.randn(3 * 2, 5, 2, 4)
    expected = torch.cat([n(part) for n, part in zip(single, x.chunk(3), strict=True)])
    assert torch.allclose(stacked(x), expected, atol=1e-6)


@pytest.mark.parametrize("change", [{}, {"tied_head": True}, {"biases": True, "norm_weights": True}])
def test_a_model_of_several(change: dict) -> None:
    config = dataclasses.replace(SHAPE, **change)
    single = [Transformer(config, seed) for seed in range(3)]
    tokens = torch.arange(6 * 9).view(6, 9) % config.vocab
    with torch.no_grad():
        expected = torch.cat([m(part) for m, part in zip(single, tokens.chunk(3), strict=True)])
        logits = stacked_model(config, Implementation(), StackedParameters(single))(tokens)
    assert torch.allclose(logits, expected, atol=1e-5)


def test_a_layer_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "RMSNorm", nn.Identity)
    config = dataclasses.replace(SHAPE, norm_weights=True)
    with pytest.raises(ConfigError, match="train the run alone"):
        stacked_model(config, Implementation(), StackedParameters([Transformer(config)]))

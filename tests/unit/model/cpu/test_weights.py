"""The weights that the CPU branches take are the model's own, so that gradients reach them."""

from __future__ import annotations

import dataclasses

import torch

from model.transformer import Transformer
from tests.unit.model.model_data import SHAPE


def test_weights_are_the_model_s_parameters() -> None:
    model = Transformer(SHAPE)
    weights = model._weights()
    assert weights.embedding is model.embedding.weight and weights.head is model.head.weight
    given = [part for block in weights.blocks for part in block]
    linear = [m.weight for m in model.blocks.modules() if isinstance(m, torch.nn.Linear)]
    assert [id(part) for part in given] == [id(part) for part in linear]
    assert [tuple(part.shape) for part in weights.blocks[0]] == [(48, 16), (16, 16), (64, 16), (16, 32)]
    assert (weights.heads, weights.eps) == (SHAPE.n_heads, SHAPE.norm_eps)


def test_angles_are_those_of_rope() -> None:
    weights = Transformer(SHAPE)._weights()
    assert weights.cos.shape == weights.sin.shape == (SHAPE.context, SHAPE.head_size // 2)
    angles = torch.outer(torch.arange(32.0), 10_000.0 ** (-torch.arange(0, 8, 2) / 8))
    torch.testing.assert_close(weights.cos, angles.cos(), rtol=0, atol=1e-5)
    torch.testing.assert_close(weights.sin, angles.sin(), rtol=0, atol=1e-5)


def test_a_tied_head_is_the_embedding_times_the_factor_of_the_logits() -> None:
    """As a product that gradients pass through, not as a copy."""
    model = Transformer(dataclasses.replace(SHAPE, tied_head=True))
    head = model._weights().head
    torch.testing.assert_close(head, model.embedding.weight * model.logit_scale, rtol=0, atol=0)
    head.sum().backward()
    assert (model.embedding.weight.grad == model.logit_scale).all()

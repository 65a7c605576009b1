"""The common storage of a stack's parameters: values, gradients, norms and release."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from model.stacked.storage import ALIGNED, StackedParameters
from model.transformer import Transformer
from tests.unit.model.model_data import SHAPE


def models(count: int = 3) -> list[nn.Module]:
    return [Transformer(SHAPE, seed) for seed in range(count)]


def test_models_keep_their_values_and_share_them_with_the_stack() -> None:
    made = models()
    before = [[p.detach().clone() for p in m.parameters()] for m in made]
    parameters = StackedParameters(made)
    for model, values in zip(made, before, strict=True):
        assert all(torch.equal(p, v) for p, v in zip(model.parameters(), values, strict=True))
    stacked = parameters.stacked("blocks.1.mlp.up.weight")
    assert stacked is not None and parameters.stacked("blocks.1.mlp.up.weight") is stacked
    with torch.no_grad():
        stacked[2].fill_(7.0)
    assert (made[2].get_parameter("blocks.1.mlp.up.weight") == 7).all()
    assert not (made[1].get_parameter("blocks.1.mlp.up.weight") == 7).any()
    assert parameters.stacked("nothing") is None


def test_matrices_begin_at_aligned_places_and_the_embedding_is_contiguous() -> None:
    parameters = StackedParameters(models())
    whole = parameters.stacked("embedding.weight")
    assert whole is not None and whole.is_contiguous()
    out = parameters.stacked("blocks.0.attention.out.weight")
    assert out is not None and out.storage_offset() % ALIGNED == 0 and out.storage_offset() > 0


def test_gradients_norms_and_factors_are_each_runs() -> None:
    made = models()
    parameters = StackedParameters(made)
    names = [name for name, _ in made[0].named_parameters()]
    stacked = [parameters.stacked(name) for name in names]
    assert None not in stacked
    scales = torch.tensor([1.0, 2.0, 3.0])
    losses = sum((p.flatten(1).sum(1) for p in stacked if p is not None), torch.zeros(3)) * scales
    parameters.differentiate(losses)
    count = sum(p.numel() for p in made[0].parameters())
    expected = [scale * count**0.5 for scale in (1, 2, 3)]
    assert parameters.gradient_norms().tolist() == pytest.approx(expected, rel=1e-5)
    parameters.scale_gradients(torch.tensor([1.0, 0.5, 0.0]))
    assert [m.get_parameter("head.weight").grad[0, 0].item() for m in made] == [1.0, 1.0, 0.0]


def test_a_released_model_has_parameters_of_its_own() -> None:
    made = models(2)
    parameters = StackedParameters(made)
    parameters.release(1)
    stacked = parameters.stacked("head.weight")
    assert stacked is not None
    with torch.no_grad():
        stacked.fill_(9.0)
    assert (made[0].get_parameter("head.weight") == 9).all()
    assert not (made[1].get_parameter("head.weight") == 9).any()
    assert made[1].get_parameter("head.weight").grad is None

"""A model that can be built, as an answer shows it: its shape with its own counts, tokens and FLOPs."""

from __future__ import annotations

from analysis.records import BuildableShape
from model.config import ModelConfig
from model.flops import count_parameters, flops_per_token


def buildable_shape(model: ModelConfig, flops: float) -> BuildableShape:
    """The shape of a model, trained for so many FLOPs in whole sequences."""
    counts, cost = count_parameters(model), flops_per_token(model)
    sequences = max(1, round(flops / (cost * model.context)))
    return BuildableShape(
        d_model=model.d_model,
        n_layers=model.n_layers,
        n_heads=model.n_heads,
        d_ff=model.d_ff,
        params=counts.matmul,
        params_total=counts.total,
        params_nonembedding=counts.nonembedding,
        tokens=sequences * model.context,
        flops=sequences * model.context * cost,
        experts=model.experts,
        active=model.active,
    )

"""A model that can be built, as an answer shows it: its shape with its own counts, and what a recipe's cost."""

from __future__ import annotations

from analysis.fitting.cost import TokenCost
from analysis.records import BuildableShape
from model.config import ModelConfig
from model.flops import count_parameters, flops_per_token
from sweeps.plan.grid import Setting
from sweeps.recipes.ladder import flops_nodes


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


def token_cost(setting: Setting) -> TokenCost:
    """The exact FLOPs per token of a recipe as a function of N."""
    nodes = flops_nodes(setting.recipe, setting.vocab, setting.context, setting.parts)
    return TokenCost.from_nodes([n for n, _ in nodes], [f for _, f in nodes])

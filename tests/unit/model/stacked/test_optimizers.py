"""A stack's AdamW steps against torch's own, run by run."""

from __future__ import annotations

import copy

import torch

from model.optim import build_optimizer, set_learning_rate
from model.stacked.optimizers import StackedOptimizers
from model.transformer import Transformer
from tests.unit.model.model_data import CPU, SHAPE, small_run_train


def test_steps_are_those_of_the_runs_own_optimizers() -> None:
    configs = [small_run_train(lr=0.01), small_run_train(lr=0.1, weight_decay=0.0, beta1=0.5, embedding_lr=0.3)]
    singles = [Transformer(SHAPE, seed) for seed in range(2)]
    joined = copy.deepcopy(singles)
    alone = [build_optimizer(m, c) for m, c in zip(singles, configs, strict=True)]
    together = [build_optimizer(m, c) for m, c in zip(joined, configs, strict=True)]
    for model in (*singles, *joined):
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, 0.25)
    stacked = StackedOptimizers(together, CPU)
    for factors in ((1.0, 0.5), (0.25, 0.0)):
        for optimizer, factor in zip(alone, factors, strict=True):
            set_learning_rate(optimizer, factor)
            optimizer.step()
        stacked.set_rates(factors)
        stacked.step()
    for single, member in zip(singles, joined, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(single.parameters(), member.parameters(), strict=True))
    for ours, theirs in zip(together, alone, strict=True):
        mine, other = ours.state_dict()["state"], theirs.state_dict()["state"]
        assert mine.keys() == other.keys() and mine
        assert all(torch.equal(mine[k][n], other[k][n]) for k in mine for n in mine[k])

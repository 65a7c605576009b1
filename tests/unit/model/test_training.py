"""One step and its bookkeeping: gradients by micro-batches, memory that runs out, divergence, positions, states."""

from __future__ import annotations

import math

import pytest
import torch

from model.batches import Batches
from model.implementation import Implementation
from model.train import train
from model.training import Diverged, Training
from model.transformer import Transformer
from tests.unit.model.model_data import CPU, SHAPE, ignore, small_run
from tokenizer.shards import Shards


@pytest.mark.parametrize(("step", "above", "diverged"), [(256, 0.45, False), (256, 0.55, True), (128, 0.55, False)])
def test_divergence_is_judged_by_a_whole_window_after_warmup(
    data: Shards, step: int, above: float, diverged: bool
) -> None:
    training = Training(small_run(data, sequences=4 * 300), Implementation(), CPU)  # warmup takes 30 steps
    training.step = step
    training.losses.fill_(math.log(64) + above)
    try:
        training.check_loss()
        judged = False
    except Diverged:
        judged = True
    assert judged is diverged


def test_last_step_is_the_mean_over_its_own_tokens(data: Shards) -> None:
    """A partial step has the gradient of its own sequences alone, in one pass or in micro-batches."""
    run = small_run(data, sequences=7, batch=4)
    training = Training(run, Implementation(), CPU)
    batches = Batches(run, data, CPU)
    partial = batches.at(1)
    assert partial.shape == (3, 33)
    model = Transformer(SHAPE, run.train.seed)
    loss = model.loss(partial[:, :-1], partial[:, 1:])
    expected = torch.autograd.grad(loss, list(model.parameters()))
    for micro in (4, 2, 1):
        training.micro_batch = micro
        training.optimizer.zero_grad()
        assert training.gradients(partial).item() == pytest.approx(loss.item(), rel=1e-6)
        for parameter, gradient in zip(training.parameters, expected, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


def test_out_of_memory_halves_the_micro_batch(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Transformer.loss

    def limited(self: Transformer, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled() and len(tokens) > 3:
            raise torch.cuda.OutOfMemoryError("no memory")
        return honest(self, tokens, targets)

    expected = train(small_run(data, batch=16, sequences=160), data, ignore, implementation=Implementation())
    monkeypatch.setattr(Transformer, "loss", limited)
    result = train(small_run(data, batch=16, sequences=160), data, ignore, implementation=Implementation())
    assert result.implementation.micro_batch == 2
    assert result.loss == pytest.approx(expected.loss, rel=1e-4)


def test_one_sequence_too_large_is_a_memory_error(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    def hopeless(self: Transformer, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("no memory")

    monkeypatch.setattr(Transformer, "loss", hopeless)
    with pytest.raises(MemoryError, match="one sequence"):
        train(small_run(data), data, ignore)

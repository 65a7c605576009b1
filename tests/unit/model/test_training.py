"""One step and its bookkeeping: gradients by micro-batches, memory that runs out, divergence, positions, states."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import torch

from model.batches import Batches
from model.checkpoint import Checkpoints
from model.divergence import JUDGED_EVERY, LOSS_WINDOW
from model.endings import Diverged
from model.flops import flops_per_token
from model.implementation import Implementation
from model.optim import lr_factor
from model.parallel import World
from model.train import train
from model.training import GPU_CHECK_STEPS, Position, Training
from model.transformer import Transformer
from tests.unit.model.model_data import CPU, SHAPE, ignore, same_state, small_run
from tokenizer.shards import Shards


def window_at(training: Training, step: int, losses: torch.Tensor) -> None:
    """Put the training after `step` steps of which the last had these losses, the latest last."""
    training.step = step
    training.losses[(torch.arange(step - len(losses), step)) % LOSS_WINDOW] = losses


@pytest.mark.parametrize(
    ("step", "diverged"),
    [(128, False), (192, True), (256, True), (255, False), (200, False)],
)
def test_divergence_is_judged_by_a_whole_window_after_warmup(data: Shards, step: int, diverged: bool) -> None:
    training = Training(small_run(data, sequences=4 * 300), Implementation(), CPU)  # warmup takes 30 steps
    window_at(training, step, torch.linspace(7.0, 9.0, LOSS_WINDOW))  # out of order it would fall
    with pytest.raises(Diverged, match=f"9.000.*step {step} of 300") if diverged else contextlib.nullcontext():
        training.check_loss()


def test_a_loss_that_falls_from_far_above_a_guess_is_no_divergence(data: Shards) -> None:
    training = Training(small_run(data, sequences=4 * 300), Implementation(), CPU)
    window_at(training, 192, torch.linspace(100.0, 40.0, LOSS_WINDOW))
    training.check_loss()
    assert training.best_loss == pytest.approx(100 - 60 * 95.5 / 127), "the median of the later half"


def test_the_best_loss_is_the_lowest_and_is_saved(data: Shards, tmp_path: Path) -> None:
    run, checkpoints = small_run(data, sequences=4 * 300), Checkpoints(tmp_path)
    training = Training(run, Implementation(), CPU)
    for step, loss in ((64, 3.0), (128, 1.5), (192, 2.0)):
        window_at(training, step, torch.full((JUDGED_EVERY,), loss))
        training.check_loss()
    assert training.best_loss == 1.5
    checkpoints.save(training.step, training.state())
    restored = Training(run, Implementation(), CPU)
    restored.restore(checkpoints)
    assert restored.best_loss == 1.5
    window_at(restored, 320, torch.full((LOSS_WINDOW,), 3.9))  # more than 2 nats above the best, below a guess
    with pytest.raises(Diverged, match=r"best was 1\.500"):
        restored.check_loss()


def test_a_gpu_checks_its_loss_whenever_a_judgement_is_due() -> None:
    assert GPU_CHECK_STEPS <= JUDGED_EVERY and JUDGED_EVERY % GPU_CHECK_STEPS == 0


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


def test_position_is_counted_in_whole_sequences(data: Shards) -> None:
    training = Training(small_run(data), Implementation(), CPU)
    training.step, training.seconds = 3, 1.5
    tokens = 3 * 4 * 32
    assert training.position() == Position(3, tokens, tokens * flops_per_token(SHAPE), 1.5)
    training.step = 12
    assert training.position().tokens == 47 * 32, "the last step is partial"


def test_recent_is_the_mean_of_the_last_losses(data: Shards) -> None:
    run = small_run(data, sequences=4 * 300)
    training = Training(run, Implementation(), CPU)
    training.losses = torch.arange(128.0)
    training.gradient_norm = torch.tensor(2.0)
    training.step = 130  # losses 0 and 1 are those of steps 128 and 129
    assert training.recent(1) == {"loss": 1.0, "lr": run.train.lr * lr_factor(run.train, 129), "gradient_norm": 2.0}
    assert training.recent(3)["loss"] == pytest.approx((1 + 0 + 127) / 3)
    assert training.recent(10**6)["loss"] == pytest.approx(63.5)


def test_computation_names_what_fitted(data: Shards) -> None:
    training = Training(small_run(data), Implementation(attention="fused"), CPU)
    training.limit_micro_batch(3)
    training.limit_micro_batch(9)
    made = training.computation()
    assert (made.attention, made.micro_batch, made.device, made.processes) == ("fused", 3, "cpu", 1)
    assert made.torch == torch.__version__ and made.device_name


def test_micro_batch_that_fits_is_found_alone(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the processes of a world depend on each other: all rows of the pass are this process's, no gradient is kept."""
    training = Training(small_run(data, batch=8), Implementation(), CPU)
    training.world = World(1, 4)
    rows: list[int] = []

    def loss(model: Transformer, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if len(tokens) > 4:
            raise torch.cuda.OutOfMemoryError
        rows.append(len(tokens))
        return model.embedding.weight.sum()

    monkeypatch.setattr(Transformer, "loss", loss)
    training._find_micro_batch()
    assert (training.micro_batch, rows) == (4, [4, 4])
    assert training.world == World(1, 4)
    assert all(p.grad is None for p in training.parameters)


def test_memory_of_a_cpu_is_not_measured(data: Shards) -> None:
    training = Training(small_run(data), Implementation(), CPU)
    training.synchronise()
    assert training.memory_peak() is None
    assert training.micro_batch == 4, "the whole batch"


def test_a_state_is_restored_under_the_same_choice_alone(data: Shards, tmp_path: Path) -> None:
    run, checkpoints = small_run(data), Checkpoints(tmp_path)
    first = Training(run, Implementation(), CPU)
    assert first.restore(None) == first.restore(checkpoints) == 0
    first.take_step(Batches(run, data, CPU).at(0))
    first.seconds, first.branched_from = 2.5, 1
    checkpoints.save(first.step, first.state())
    second = Training(run, Implementation(), CPU)
    assert second.restore(checkpoints) == 1
    assert (second.seconds, second.branched_from, second.ignored_checkpoint) == (2.5, 1, None)
    assert same_state(second.state(), first.state())
    other = Training(run, Implementation(attention="fused"), CPU)
    assert other.restore(checkpoints) == 0
    assert "step 1 was computed with" in str(other.ignored_checkpoint) and "'explicit'" in str(other.ignored_checkpoint)


def test_a_world_of_one_is_left_out_of_the_choice(data: Shards) -> None:
    """The choice names files, which older versions wrote without it."""
    training = Training(small_run(data), Implementation(), CPU)
    usual = {**Implementation().to_dict(), "device": "cpu"}
    del usual["stacked"], usual["batches"]
    assert training.state()["choice"] == usual
    stacked = Training(small_run(data), Implementation(stacked=4), CPU)
    assert stacked.state()["choice"] == {"stacked": True, "device": "cpu"}, "of however many, compiled or not"
    training.world = World(0, 2)
    assert training.state()["choice"]["processes"] == 2


def test_compiled_code_is_for_full_micro_batches(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    usual: list[bool] = []
    monkeypatch.setattr("model.training.compiled_if", lambda full: usual.append(full) or contextlib.nullcontext())
    run = small_run(data, sequences=7, batch=7)
    training = Training(run, Implementation(micro_batch=3), CPU)
    training.gradients(Batches(run, data, CPU).at(0))
    assert usual == [True, True, False]

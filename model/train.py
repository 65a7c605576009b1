"""Trains one run to its end: token shards in, one loss out. A plain function, without Ray, database or wandb."""

from __future__ import annotations

import dataclasses
import runpy
from collections.abc import Callable

import torch

from model.batches import Batches, check_run
from model.checkpoint import Checkpoints
from model.config import RunConfig
from model.device import compiled_anew, keep_freed_memory, torch_settings
from model.endings import Diverged, Interrupted
from model.implementation import Implementation, choose_implementation, workable
from model.parallel import ALONE, World
from model.reporting import Reporter, Sink, silent
from model.scoring import RunResult, score
from model.stacked.train import Member, train_stacked
from model.training import GPU_CHECK_STEPS, Training
from model.trunk import Trunk
from tokenizer.shards import Shards

__all__ = ["Diverged", "Interrupted", "RunResult", "Sink", "train"]


def train(
    run: RunConfig,
    data: Shards,
    sink: Sink,
    checkpoints: Checkpoints | None = None,
    *,
    device: str = "cpu",
    stop: Callable[[], bool] = lambda: False,
    progress_seconds: float = 1.0,
    checkpoint_seconds: float = 10.0,
    implementation: Implementation | None = None,
    micro_batch: int | None = None,
    trunk: Trunk | None = None,
    world: World = ALONE,
) -> RunResult:
    """Train `run` on `data` from its newest checkpoint, or from the start, to its end, and score it.

    `sink` receives events; `stop` is asked before each step. On one CPU thread the result is the same to the last bit
    however often the run was interrupted, and whether or not it began from a state of its `trunk`. In a `world` of
    several processes each of them calls this with the same arguments and a folder of checkpoints that all can see; only
    the leading one writes. `micro_batch` limits the sequences of one forward pass after memory ran out; the batch of a
    step stays the same. Seconds are those between reports of progress, and between checkpoints.

    Raises ConfigError or DataError where the run cannot be trained here, CheckpointError for another run's checkpoint,
    MemoryError, Diverged, and Interrupted once `stop` returns True and a checkpoint is safe.
    """
    check_run(run, data)
    implementation = implementation or choose_implementation(run.model, run.train, device)
    chosen, replaced = workable(implementation, run.model, run.train, device)
    if chosen.stacked and world.size == 1:
        intervals = progress_seconds, checkpoint_seconds
        alone = Member(run, data, sink, _unheard, checkpoints, trunk, stop, *intervals)
        return _train_as_stack(alone, device, chosen, replaced)
    keep_freed_memory()
    with torch_settings(chosen.threads), compiled_anew(chosen.compiled):
        training = Training(run, chosen, torch.device(device), world)
        resumed = training.restore(checkpoints)
        resumed = max(resumed, training.branch(trunk) if trunk is not None else 0)
        training.limit_micro_batch(micro_batch or training.micro_batch)
        world.wait()
        writer = (sink, checkpoints, trunk) if world.leads else (silent, None, None)
        reporter = Reporter(training, *writer, progress_seconds, checkpoint_seconds)
        reporter.start(resumed, replaced)
        _take_steps(training, Batches(run, data, training.device), reporter, stop)
        result = score(training, data, resumed)
        reporter.finish(result)
    return result


def _unheard(how: RunResult | Exception, seconds: float) -> None:
    """Takes the end of a run that nobody listens to yet."""


def _train_as_stack(member: Member, device: str, implementation: Implementation, replaced: str) -> RunResult:
    """Train a run as a stack of one. Raises what ended it."""
    ends: list[RunResult | Exception] = []
    train_stacked(
        [dataclasses.replace(member, ended=lambda how, _: ends.append(how))], device, implementation, replaced
    )
    (end,) = ends
    if isinstance(end, Exception):
        raise end
    return end


def _take_steps(training: Training, batches: Batches, reporter: Reporter, stop: Callable[[], bool]) -> None:
    """Take every remaining step; report and save in between."""
    while training.step < training.run.train.steps:
        if _all_stop(training, stop):
            reporter.interrupt()
        training.take_step(batches.at(training.step))
        reporter.after_step()
    training.synchronise()
    reporter.update_seconds()


def _all_stop(training: Training, stop: Callable[[], bool]) -> bool:
    """Whether to stop now. Several processes must agree; on GPUs they do so as rarely as the loss is checked."""
    if training.world.size == 1:
        return stop()
    if training.device.type != "cpu" and training.step % GPU_CHECK_STEPS:
        return False
    return not training.world.least(int(not stop()), training.device)


if __name__ == "__main__":
    runpy.run_module("model", run_name="__main__", alter_sys=True)

"""Training a whole run: golden losses, bit-equal resumption, events, and refusals."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model import reporting, scoring
from model.batches import Batches, DataError
from model.checkpoint import CheckpointError, Checkpoints
from model.config import ConfigError
from model.cpu.build import NativeError
from model.flops import flops_per_token, flops_per_token_by
from model.implementation import Implementation
from model.parallel import World
from model.train import Interrupted, train
from model.training import Training
from tests.unit.model.model_data import (
    CHOSEN,
    IMPLEMENTATIONS,
    SHAPE,
    ignore,
    interrupt_at,
    same_state,
    scores,
    small_run,
)
from tokenizer.shards import Shards

GOLDEN_VERSION = 2
GOLDEN_TRAIN_LOSS, GOLDEN_LOSS = 4.542712, 4.365408
GOLDEN_TIED_TRAIN_LOSS, GOLDEN_TIED_LOSS = 4.253192, 4.205049


@pytest.mark.parametrize("implementation", [*IMPLEMENTATIONS, Implementation(head="chunked")])
@pytest.mark.parametrize("tied", [False, True])
def test_golden_losses(data: Shards, implementation: Implementation, tied: bool) -> None:
    run = small_run(data, dataclasses.replace(SHAPE, tied_head=tied))
    result = train(run, data, ignore, implementation=implementation)
    message = (
        "the arithmetic of training changed: raise MATH_VERSION in model/config.py, so that old and new runs never share "
        "an identity, then pin the new losses here"
    )
    golden = (GOLDEN_TIED_TRAIN_LOSS, GOLDEN_TIED_LOSS) if tied else (GOLDEN_TRAIN_LOSS, GOLDEN_LOSS)
    assert run.math_version == GOLDEN_VERSION, message
    assert (result.train_loss, result.loss) == pytest.approx(golden, rel=1e-4), message


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_tied_head_learns_as_an_untied_one(data: Shards, implementation: Implementation) -> None:
    """Both reach much less than a guess, 4.16, in as many steps; without its scale a tied head began far above it."""
    both = [
        train(
            small_run(data, dataclasses.replace(SHAPE, tied_head=tied), sequences=400, lr=0.01, embedding_lr=0.06),
            data,
            ignore,
            implementation=implementation,
        ).loss
        for tied in (False, True)
    ]
    assert max(both) < 2.9
    assert abs(both[1] - both[0]) < 0.4


def test_training_learns(data: Shards) -> None:
    result = train(small_run(data, sequences=400, batch=4, lr=0.01), data, ignore)
    assert result.loss < 0.75 * math.log(64)


def test_result_counts_what_was_done(data: Shards) -> None:
    run = small_run(data)
    result = train(run, data, ignore)
    assert (result.tokens, result.steps, result.resumed_from_step) == (47 * 32, 12, 0)
    assert result.flops == result.tokens * flops_per_token(SHAPE)
    assert result.evaluation_tokens == 2976
    assert result.bits_per_byte == pytest.approx(result.loss / math.log(2) / 2)
    assert result.implementation.branches == CHOSEN
    assert result.implementation.device == "cpu"
    assert json.loads(json.dumps(result.to_dict())) == result.to_dict()


def test_runs_are_bit_equal_whatever_the_global_random_state(data: Shards) -> None:
    run = small_run(data)
    torch.manual_seed(1)
    first = scores(train(run, data, ignore))
    torch.manual_seed(2)
    assert scores(train(run, data, ignore)) == first
    assert scores(train(small_run(data, seed=1), data, ignore)) != first


@pytest.mark.usefixtures("quick_disk")
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_interrupted_run_ends_bit_equal(data: Shards, tmp_path: Path, implementation: Implementation) -> None:
    """Result, weights and optimizer state are those of the unbroken run, stopped at random steps or not."""
    run = small_run(data, sequences=161)
    unbroken, checkpoints = Checkpoints(tmp_path / "unbroken"), Checkpoints(tmp_path / "broken")
    options: dict[str, Any] = {"checkpoint_seconds": 0, "implementation": implementation}
    whole = train(run, data, ignore, unbroken, **options)
    choose = random.Random(4)
    starts = []
    while True:
        try:
            result = train(run, data, ignore, checkpoints, stop=interrupt_at(choose.randrange(1, 14)), **options)
            break
        except Interrupted:
            starts.append(checkpoints.load_newest()["step"])
    assert len(starts) >= 3
    assert result.resumed_from_step == starts[-1]
    assert scores(result) == scores(whole)
    assert same_state(checkpoints.load_newest(), unbroken.load_newest())


def test_crashed_run_ends_bit_equal(data: Shards, tmp_path: Path) -> None:
    """A crash leaves a checkpoint of some steps ago, and a torn one."""
    run = small_run(data, sequences=161)
    whole = train(run, data, ignore)
    saved = tmp_path / "saved"

    def steal(event: dict[str, Any]) -> None:
        if event["kind"] == "checkpoint" and event["step"] == 17:
            shutil.copytree(tmp_path / "c", saved)

    train(run, data, steal, Checkpoints(tmp_path / "c"), checkpoint_seconds=0)
    files = Checkpoints(saved).files()
    files[-1].write_bytes(files[-1].read_bytes()[:-50])
    result = train(run, data, ignore, Checkpoints(saved))
    assert result.resumed_from_step == 16
    assert scores(result) == scores(whole)


def test_killed_process_ends_bit_equal(data: Shards, tmp_path: Path) -> None:
    run = small_run(data, sequences=4 * 400)
    (tmp_path / "run.json").write_text(json.dumps(run.to_dict()))
    script = (
        "import json, sys; from pathlib import Path; from model.config import RunConfig; from model.train import train;"
        "from model.checkpoint import Checkpoints; from tokenizer.shards import open_shards;"
        f"run = RunConfig.from_dict(json.loads(Path({str(tmp_path / 'run.json')!r}).read_text()));"
        f"train(run, open_shards(Path({str(data.path)!r})), print, Checkpoints(Path({str(tmp_path / 'c')!r})),"
        "checkpoint_seconds=0.0)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
    checkpoints = Checkpoints(tmp_path / "c")
    deadline = time.monotonic() + 240
    while len(checkpoints.files()) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    result = train(run, data, ignore, checkpoints)
    assert 0 < result.resumed_from_step < 400
    assert scores(result) == scores(train(run, data, ignore))


def test_seconds_accumulate_over_attempts(data: Shards, tmp_path: Path) -> None:
    run, checkpoints = small_run(data, sequences=161), Checkpoints(tmp_path)
    with pytest.raises(Interrupted):
        train(run, data, ignore, checkpoints, stop=interrupt_at(30))
    before = checkpoints.load_newest()["seconds"]
    assert 0 < before < train(run, data, ignore, checkpoints).train_seconds


def test_checkpoint_of_another_run_is_refused(data: Shards, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(small_run(data), data, ignore, Checkpoints(tmp_path), stop=interrupt_at(3))
    with pytest.raises(CheckpointError, match=small_run(data).run_id):
        train(small_run(data, seed=1), data, ignore, Checkpoints(tmp_path))


def test_checkpoint_of_another_implementation_starts_over(data: Shards, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(small_run(data), data, ignore, Checkpoints(tmp_path), stop=interrupt_at(3))
    events: list[dict[str, Any]] = []
    result = train(small_run(data), data, events.append, Checkpoints(tmp_path), implementation=Implementation())
    assert result.resumed_from_step == 0
    assert CHOSEN in events[0]["ignored_checkpoint"]


def test_a_run_that_was_to_use_native_kernels_trains_without_them_and_says_so(
    data: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its choice was stored by another node, which has a compiler."""

    def refuse() -> None:
        raise NativeError("no compiler")

    monkeypatch.setattr("model.implementation.library", refuse)
    monkeypatch.setattr("model.cpu.architecture.available", lambda: False)
    events: list[dict[str, Any]] = []
    result = train(small_run(data), data, events.append, implementation=Implementation(branches="native"))
    assert result.implementation.branches == "handwritten"
    assert events[0]["replaced_implementation"] == "handwritten branches instead of native ones: no compiler"
    assert events[0]["implementation"]["branches"] == "handwritten"
    train(small_run(data), data, events.append, implementation=Implementation())
    assert [event["replaced_implementation"] for event in events if event["kind"] == "start"][1] is None


def test_events_tell_the_story(data: Shards, tmp_path: Path) -> None:
    run = small_run(data)
    events: list[dict[str, Any]] = []
    checkpoints = Checkpoints(tmp_path)
    result = train(run, data, events.append, checkpoints, progress_seconds=0, checkpoint_seconds=0)
    kinds = [event["kind"] for event in events]
    assert kinds == ["start", *["progress", "checkpoint"] * 12, "evaluation", "end"]
    assert [event["step"] for event in events] == [0, *sorted([*range(1, 13)] * 2), 12, 12]
    assert all({"step", "tokens", "flops", "seconds"} <= set(event) for event in events)
    assert events == json.loads(json.dumps(events))
    assert events[-1]["result"] == result.to_dict()
    losses = [event["loss"] for event in events if event["kind"] == "progress"]
    assert sum(losses) / 12 == pytest.approx(result.train_loss, rel=1e-6)
    assert all(loss > 0 for loss in losses)


def test_progress_has_tokens_a_second_and_the_norm_of_the_gradients_before_clipping(
    data: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that advances by a quarter of a second at each look; the last step has 3 of 4 sequences."""
    clock = iter(range(10**6))
    monkeypatch.setattr(reporting.time, "perf_counter", lambda: next(clock) / 4)
    run, events = small_run(data, clip=1e-3), []
    train(run, data, events.append, progress_seconds=0)
    progress = [event for event in events if event["kind"] == "progress"]
    tokens = [0, *(event["tokens"] for event in progress)]
    assert [event["tokens_per_second"] for event in progress] == [4 * (b - a) for a, b in itertools.pairwise(tokens)]
    training = Training(run, Implementation(branches=CHOSEN), torch.device("cpu"))
    batches = Batches(run, data, torch.device("cpu"))
    for step, event in enumerate(progress):
        training.gradients(batches.at(step))
        squares = sum(float((p.grad**2).sum()) for p in training.parameters if p.grad is not None)
        assert event["gradient_norm"] == pytest.approx(math.sqrt(squares), rel=1e-4)
        assert event["gradient_norm"] > run.train.clip
        training.optimizer.zero_grad(set_to_none=True)
        training.take_step(batches.at(step))


def test_progress_is_the_mean_since_the_last_event(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(np.arange(0, 1000, 0.25).tolist())
    run = small_run(data)
    every: list[dict[str, Any]] = []
    train(run, data, every.append, progress_seconds=0)
    single = [event["loss"] for event in every if event["kind"] == "progress"]
    monkeypatch.setattr(reporting.time, "perf_counter", lambda: next(clock))
    events: list[dict[str, Any]] = []
    train(run, data, events.append, progress_seconds=1.0)
    progress = [event for event in events if event["kind"] == "progress"]
    assert [event["step"] for event in progress] == [4, 8, 12]
    for event in progress:
        assert event["loss"] == pytest.approx(np.mean(single[event["step"] - 4 : event["step"]]), rel=1e-6)


def test_bf16_profile_trains(data: Shards) -> None:
    run = small_run(data, numerics="bf16")
    result = train(run, data, ignore)
    assert result.implementation.branches == "autograd"
    exact = train(small_run(data), data, ignore)
    assert result.loss != exact.loss
    assert result.loss == pytest.approx(exact.loss, rel=0.02)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"dataset": "other"}, DataError, "other"),
        ({"math_version": 0}, ConfigError, "version 0"),
        ({"model": dataclasses.replace(SHAPE, vocab=60)}, DataError, "64 entries"),
        ({"model": dataclasses.replace(SHAPE, context=3000)}, DataError, "validation split"),
    ],
)
def test_run_that_does_not_fit_is_refused(data: Shards, change: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        train(dataclasses.replace(small_run(data), **change), data, ignore)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # torch warns of itself when it compiles
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_blocks_give_the_same_losses(data: Shards) -> None:
    result = train(small_run(data), data, ignore, implementation=Implementation(compiled=True))
    assert result.train_loss == pytest.approx(GOLDEN_TRAIN_LOSS, rel=1e-4)
    assert result.loss == pytest.approx(GOLDEN_LOSS, rel=1e-4)


def test_utilisation_counts_the_run_s_own_steps_on_all_its_gpus(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "utilisation", lambda *arguments: arguments)
    training = Training(small_run(data, sequences=48), Implementation(), torch.device("cpu"))
    assert scoring._mfu(training) is None
    training.device, training.world, training.branched_from = torch.device("cuda:1"), World(0, 3), 6
    assert scoring._mfu(training) is None, "no time has passed"
    training.seconds = 2.0
    own = flops_per_token_by(SHAPE)["full_attention"] * 24 * 32
    assert scoring._mfu(training) == (pytest.approx(own / 2), "cuda:1", "fp32", 3)

"""Training: golden losses, bit-equal resumption, divergence, events, data order, and the command."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import itertools
import json
import math
import os
import random
import re
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

from model import train as train_module
from model.__main__ import main
from model.batches import Batches, DataError, windows_at
from model.checkpoint import CheckpointError, Checkpoints
from model.config import ConfigError, RunConfig
from model.cpu import build
from model.evaluate import EVALUATION_TOKENS, evaluate
from model.flops import flops_per_token
from model.implementation import Implementation
from model.train import Diverged, Interrupted, RunResult, train
from model.training import Training
from model.transformer import Transformer
from tests.unit.model.model_data import SHAPE, small_run, write_dataset
from tokenizer.shards import Shards, gather, sequence_count

CPU = torch.device("cpu")
IMPLEMENTATIONS = [
    Implementation(),
    Implementation(attention="fused"),
    Implementation(branches="handwritten"),
    Implementation(branches="handwritten", micro_batch=3),
    *(
        [Implementation(branches="native"), Implementation(branches="native", micro_batch=3)]
        if build.compiler()
        else []
    ),
]
CHOSEN = "native" if build.compiler() else "handwritten"

GOLDEN_VERSION = 1
GOLDEN_TRAIN_LOSS = 4.542712
GOLDEN_LOSS = 4.365408


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return write_dataset(tmp_path_factory.mktemp("shards"))


def ignore(event: dict[str, Any]) -> None:
    del event


def outcome(result: RunResult) -> tuple[float, float, float]:
    return result.loss, result.train_loss, result.bits_per_byte


def interrupt_at(step: int):
    asked = iter(range(10**9))
    return lambda: next(asked) >= step


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_golden_losses(data: Shards, implementation: Implementation) -> None:
    run = small_run(data)
    result = train(run, data, ignore, implementation=implementation)
    message = (
        "the arithmetic of training changed: raise MATH_VERSION in model/config.py, so that old and new runs never share "
        "an identity, then pin the new losses here"
    )
    assert run.math_version == GOLDEN_VERSION, message
    assert result.train_loss == pytest.approx(GOLDEN_TRAIN_LOSS, rel=1e-4), message
    assert result.loss == pytest.approx(GOLDEN_LOSS, rel=1e-4), message


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
    assert result.implementation["branches"] == CHOSEN
    assert result.implementation["device"] == "cpu"
    assert json.loads(json.dumps(result.to_dict())) == result.to_dict()


def test_runs_are_bit_equal_whatever_the_global_random_state(data: Shards) -> None:
    run = small_run(data)
    torch.manual_seed(1)
    first = outcome(train(run, data, ignore))
    torch.manual_seed(2)
    assert outcome(train(run, data, ignore)) == first
    assert outcome(train(small_run(data, seed=1), data, ignore)) != first


@pytest.mark.parametrize("implementation", [None, *IMPLEMENTATIONS])
def test_interrupted_run_ends_bit_equal(data: Shards, tmp_path: Path, implementation: Implementation | None) -> None:
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
    assert outcome(result) == outcome(whole)
    assert same_state(checkpoints.load_newest(), unbroken.load_newest())


def same_state(first: Any, second: Any) -> bool:
    """Whether two checkpoint states are equal to the last bit, time apart."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same_state(first[k], second[k]) for k in first if k != "seconds")
    if isinstance(first, (list, tuple)):
        return all(same_state(a, b) for a, b in zip(first, second, strict=True))
    return first == second


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
    assert outcome(result) == outcome(whole)


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
    deadline = time.monotonic() + 60
    while len(checkpoints.files()) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    result = train(run, data, ignore, checkpoints)
    assert 0 < result.resumed_from_step < 400
    assert outcome(result) == outcome(train(run, data, ignore))


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
    monkeypatch.setattr(train_module.time, "perf_counter", lambda: next(clock) / 4)
    run, events = small_run(data, clip=1e-3), []
    train(run, data, events.append, progress_seconds=0)
    progress = [event for event in events if event["kind"] == "progress"]
    tokens = [0, *(event["tokens"] for event in progress)]
    assert [event["tokens_per_second"] for event in progress] == [4 * (b - a) for a, b in itertools.pairwise(tokens)]
    training = Training(run, Implementation(branches=CHOSEN), CPU)
    batches = Batches(run, data, CPU)
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
    monkeypatch.setattr(train_module.time, "perf_counter", lambda: next(clock))
    events: list[dict[str, Any]] = []
    train(run, data, events.append, progress_seconds=1.0)
    progress = [event for event in events if event["kind"] == "progress"]
    assert [event["step"] for event in progress] == [4, 8, 12]
    for event in progress:
        assert event["loss"] == pytest.approx(np.mean(single[event["step"] - 4 : event["step"]]), rel=1e-6)


def test_not_finite_loss_is_divergence(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Transformer.loss
    calls = iter(range(100))
    monkeypatch.setattr(Transformer, "loss", lambda *args: honest(*args) * (float("nan") if next(calls) == 5 else 1.0))
    with pytest.raises(Diverged, match="nan at step 6"):
        train(small_run(data), data, ignore)


def test_loss_far_above_a_guess_is_divergence(data: Shards) -> None:
    with pytest.raises(Diverged, match="uniform guess"):
        train(small_run(data, sequences=4 * 300, lr=3.0, clip=0.0, weight_decay=0.0), data, ignore)


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


def test_healthy_run_is_not_divergence(data: Shards) -> None:
    result = train(small_run(data, sequences=4 * 300, lr=0.01), data, ignore)
    assert result.steps == 300
    assert result.train_loss < 0.5 * math.log(64)


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
    assert result.implementation["micro_batch"] == 2
    assert result.loss == pytest.approx(expected.loss, rel=1e-4)


def test_one_sequence_too_large_is_a_memory_error(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    def hopeless(self: Transformer, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("no memory")

    monkeypatch.setattr(Transformer, "loss", hopeless)
    with pytest.raises(MemoryError, match="one sequence"):
        train(small_run(data), data, ignore)


@pytest.mark.parametrize("batch", [1, 3, 5, 2000])
def test_order_of_the_data_does_not_depend_on_the_batch(data: Shards, batch: int) -> None:
    one = Batches(small_run(data, sequences=2500, batch=1), data, CPU)
    several = Batches(small_run(data, sequences=2500, batch=batch), data, CPU)
    for step in (0, 7, 1):
        expected = [one.at(position)[0] for position in range(step * batch, min((step + 1) * batch, 2500))]
        if expected:
            assert torch.equal(several.at(step), torch.stack(expected))


def test_resident_tokens_give_the_same_windows(data: Shards) -> None:
    from model.batches import _resident

    big = np.array([1, 65_535, 40_000, 2, 3, 4, 5, 6, 7], dtype=np.uint16)
    for tokens, context in ((data.train, 32), (big, 4)):
        indices = np.arange(sequence_count(len(tokens), context), dtype=np.int64)[::-1].copy()
        expected = torch.from_numpy(gather(tokens, indices, context))
        assert torch.equal(windows_at(_resident(tokens, CPU), indices, context, CPU), expected)


def test_evaluation_is_the_mean_over_the_first_tokens(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Transformer(SHAPE)
    windows = torch.from_numpy(gather(data.validation, np.arange(93), 32))
    losses = [model.loss(row[None, :-1], row[None, 1:]).item() for row in windows]
    score = evaluate(model, data, CPU, "fp32")
    assert EVALUATION_TOKENS == 131_072
    assert score.tokens == 93 * 32
    assert score.loss == pytest.approx(np.mean(losses), rel=1e-5)
    monkeypatch.setattr("model.evaluate.EVALUATION_TOKENS", 40 * 32)
    assert evaluate(model, data, CPU, "fp32").loss == pytest.approx(np.mean(losses[:40]), rel=1e-5)


def test_bf16_profile_trains(data: Shards) -> None:
    run = small_run(data, numerics="bf16")
    result = train(run, data, ignore)
    assert result.implementation["branches"] == "autograd"
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
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_blocks_give_the_same_losses(data: Shards) -> None:
    result = train(small_run(data), data, ignore, implementation=Implementation(compiled=True))
    assert result.train_loss == pytest.approx(GOLDEN_TRAIN_LOSS, rel=1e-4)
    assert result.loss == pytest.approx(GOLDEN_LOSS, rel=1e-4)


def test_threads_of_torch_are_given_back(data: Shards) -> None:
    before = torch.get_num_threads()
    train(small_run(data, sequences=1), data, ignore, implementation=Implementation(threads=before + 1))
    assert torch.get_num_threads() == before


def test_command_runs_a_plan_once(data: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [small_run(data, seed=seed) for seed in (0, 1)]
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps([{"run": run.to_dict()} for run in runs]))
    arguments = ["--plan", str(plan), "--data", str(data.path), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    lines = capsys.readouterr().out
    results = [json.loads(line) for line in lines.splitlines()]
    assert [RunConfig.from_dict(result["run"]) for result in results] == runs
    assert results[0]["result"]["loss"] == train(runs[0], data, ignore).loss
    assert main(arguments) == 0
    assert capsys.readouterr().out == lines
    assert sorted(file.name for file in (tmp_path / "out" / runs[0].run_id).iterdir()) == [
        "checkpoints",
        "events.jsonl",
        "result.json",
    ]
    assert [file.name for file in (tmp_path / "out" / runs[0].run_id / "checkpoints").iterdir()] == ["final.ckpt"]


@pytest.mark.parametrize("content", ["", "[1]", '{"run": {}}', None])
def test_command_explains_a_bad_file(
    data: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    file = tmp_path / "run.json"
    if content is not None:
        file.write_text(content)
    assert main(["--run", str(file), "--data", str(data.path), "--out", str(tmp_path)]) == 2
    assert "run.json" in capsys.readouterr().err


def closure(*names: str) -> set[str]:
    """Installed distributions that these need, themselves included."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.add(importlib.metadata.distribution(name).metadata["Name"])
            requirements = importlib.metadata.requires(name) or []
            needed = {re.match(r"[\w.-]+", line)[0] for line in requirements if "extra ==" not in line}
            left += [n for n in needed if n not in found]
    return found


def test_plan_trains_from_a_checkout_with_torch_and_numpy_alone(data: Shards, tmp_path: Path) -> None:
    """`python -m model.train --plan` from the root, without site-packages: only torch, numpy and what they need."""
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in closure("torch", "numpy"):
        distribution = importlib.metadata.distribution(name)
        for top in {Path(file).parts[0] for file in distribution.files or [] if ".." not in Path(file).parts}:
            if not (alone / top).exists():
                (alone / top).symlink_to(distribution.locate_file(top))
    runs = [small_run(data, seed=seed) for seed in (0, 1)]
    (tmp_path / "plan.json").write_text(json.dumps([run.to_dict() for run in runs]))
    arguments = ["--plan", tmp_path / "plan.json", "--data", data.path, "--out", tmp_path / "out"]
    code = f"import runpy, sys; sys.path.append({str(alone)!r}); runpy.run_module('model.train', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, *map(str, arguments)],
        cwd=Path(__file__).resolve().parents[3],
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["result"]["steps"] for line in done.stdout.splitlines()] == [12, 12]

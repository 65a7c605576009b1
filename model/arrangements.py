"""Times a shape in every arrangement on one device: one run, a stack, or processes side by side with parts of memory.

`python -m model.arrangements DEVICE` is one of those processes. It answers each task, a line of JSON on stdin, with
`true` once it is ready, or `false` if the task does not fit. After a further `true` it answers with a step's seconds.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from types import TracebackType
from typing import IO, Any, Self

import torch

from model.choice import STACKS, STEP_SECONDS_MAX, stackable, stacked_implementation, step_of
from model.config import ModelConfig, RunConfig, TrainConfig
from model.device import indexed, torch_settings
from model.implementation import choose_implementation
from model.timing import times
from model.values import plain_json

PROCESSES = (2, 4)
"""Processes side by side that are timed: each further one has a context of its own in the memory of the device."""
SECONDS = 0.5
"""Seconds of timing of each arrangement, without what comes before."""


@dataclass(frozen=True, slots=True)
class Arranged:
    """How fast a device trains runs of a shape in one arrangement."""

    processes: int
    """Processes that train side by side."""
    stacked: int
    """Runs that each of them computes as one; 0 for a run by itself."""
    step_seconds: float
    """Seconds of the whole device for one step of one run: the time of a step over the runs that take one."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a process is to time."""

    model: ModelConfig
    """The shape."""
    batch: int
    """Sequences of a batch."""
    numerics: str
    """Numerics profile."""
    optimizer: str
    """adamw | muon."""
    stacked: int
    """Runs that it computes as one; 0 for a run by itself."""
    part: float
    """Part of the device's memory that it may take."""

    @property
    def run(self) -> RunConfig:
        """The run, which is only timed."""
        return RunConfig(self.model, _train(self.batch, self.numerics, self.optimizer), dataset="")

    def to_json(self) -> str:
        """The task as a line of JSON."""
        return json.dumps(dataclasses.asdict(self) | {"model": plain_json(self.model)})

    @classmethod
    def from_json(cls, line: str) -> Task:
        """The task that `to_json` wrote."""
        values = json.loads(line)
        return cls(**values | {"model": ModelConfig(**values["model"])})


def arranged(
    shapes: Sequence[tuple[ModelConfig, int]],
    device: str,
    numerics: str = "fp32",
    optimizer: str = "adamw",
    processes: Sequence[int] = PROCESSES,
) -> tuple[tuple[Arranged, ...], ...]:
    """For each (shape, sequences of a batch) the arrangements that fit, one run by itself first; without compilation.

    Stacks are timed in one process, and so many `processes` with a run each, which is a stack of one where that is
    faster. Where a step of one run takes longer than STEP_SECONDS_MAX it fills the device, and nothing else is timed.
    """
    runs = [RunConfig(model, _train(batch, numerics, optimizer), dataset="") for model, batch in shapes]
    with Bench(device, max(processes, default=1)) as bench:
        return tuple(tuple(_of_shape(bench, run, processes)) for run in runs)


def _train(batch: int, numerics: str, optimizer: str) -> TrainConfig:
    """The optimisation of a run that is only timed."""
    return TrainConfig(sequences=batch, batch=batch, lr=1e-4, numerics=numerics, optimizer=optimizer)


def _of_shape(bench: Bench, run: RunConfig, processes: Sequence[int]) -> list[Arranged]:
    """The arrangements of one shape."""
    alone = bench.time(run, 1, 0)
    if alone is None or alone.step_seconds > STEP_SECONDS_MAX:
        return [alone] if alone else []
    stacks = [bench.time(run, 1, size) for size in (STACKS if stackable(run) else ())]
    single = [alone, *(each for each in stacks if each)]
    lone = min((each for each in single if each.stacked < 2), key=lambda each: each.step_seconds)
    beside = [bench.time(run, count, lone.stacked) for count in processes]
    return single + [each for each in beside if each]


class Bench:
    """Processes that take steps on one device at the same time; use it as a context."""

    def __init__(self, device: str, processes: int) -> None:
        """Start so many; they import in the background."""
        command = [sys.executable, "-m", "model.arrangements", device]
        root = Path(__file__).resolve().parents[1]
        pipe = subprocess.PIPE
        self._processes = [
            subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=root) for _ in range(processes)
        ]

    def __enter__(self) -> Self:
        """The bench itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the processes."""
        for process in self._processes:
            process.kill()
            process.communicate()

    def time(self, run: RunConfig, processes: int, stacked: int) -> Arranged | None:
        """The speed of an arrangement; None where it does not fit, or a process has died."""
        chosen = self._processes[:processes]
        train = run.train
        task = Task(run.model, train.batch, train.numerics, train.optimizer, stacked, 1 / processes)
        told = [_told(each, task.to_json()) for each in chosen]
        if len(chosen) < processes or not all(told):
            return None
        ready = [_answer(each) for each in chosen]  # of all, so that no answer is left for the next task
        go = all(ready)
        told = [_told(each, json.dumps(go)) for each, able in zip(chosen, ready, strict=True) if able]
        answers = [_answer(each) for each in chosen] if go and all(told) else []
        seconds = [float(each) for each in answers if each]
        if len(seconds) < processes:
            return None
        return Arranged(processes, stacked, 1 / (max(stacked, 1) * sum(1 / each for each in seconds)))


def _told(process: subprocess.Popen[str], line: str) -> bool:
    """Whether a process could be told a line."""
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return True
    return False


def _answer(process: subprocess.Popen[str]) -> Any:
    """The next answer of a process; None if it has died."""
    assert process.stdout is not None
    line = process.stdout.readline()
    return json.loads(line) if line else None


def _step(task: Task, device: torch.device) -> Callable[[], object] | None:
    """What takes a step of a task's runs; None where they do not fit into its part of the memory."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(task.part, indexed(device))
    run = task.run
    chosen = choose_implementation(run.model, run.train, device.type)
    if task.stacked:
        chosen = stacked_implementation(run, device.type, 1, task.stacked)
    return step_of(run, dataclasses.replace(chosen, compiled=False), device)


def _seconds(task: Task, device: torch.device, said: IO[str], say: Callable[[object], None]) -> None:
    """Carry out one task, all of whose memory is free afterwards."""
    step = _step(task, device)
    try:
        if step is not None:
            step()
    except (RuntimeError, MemoryError):  # a step needs more than what was built before it
        step = None
    say(step is not None)
    if step is not None and json.loads(said.readline()):
        say(fmean(times(step, device, SECONDS)))


def main() -> None:
    """Answer tasks until stdin ends."""
    device = torch.device(sys.argv[1])

    def say(answer: object) -> None:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    with torch_settings(threads=1):
        while line := sys.stdin.readline():
            _seconds(Task.from_json(line), device, sys.stdin, say)
            gc.collect()


if __name__ == "__main__":
    main()

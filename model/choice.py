"""Which implementation a machine uses for a shape: measured once, stored before the first attempt, then kept."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from model.config import RunConfig
from model.cpu.architecture import OWN_BACKWARD
from model.device import device_name, keep_freed_memory, torch_settings
from model.flops import count_parameters
from model.hardware import cpu_features
from model.implementation import KNOWN, Implementation, choose_implementation
from model.stacked.grouping import stack_key
from model.stacked.turns import steps_of
from model.timing import for_timing, times
from model.training import Training
from model.values import plain_json

STEP_SECONDS_MAX = 0.5
"""Where a step of the default takes longer, no alternative is timed: the default is a good guess, timing would cost."""
ROUNDS, ROUND_SECONDS = 3, 0.02
"""Rounds of timing, and the seconds of each candidate in a round, without its warm-up. Candidates take turns, because
other work on the machine comes in bursts longer than a turn, and would favour a candidate that is timed after one."""
SWITCH_BELOW = 0.9
"""An alternative is chosen only below this share of the default's time: elsewhere the default was the fastest."""
STACKS = (1, 4, 16)
"""Runs of a stack that are timed on a GPU: with one, the step is a CUDA graph; more fill the GPU better."""
SETTLED_BELOW = 0.8
"""After any round the default is chosen at once below this share of every alternative's time: usually the first."""


def stored_implementation(
    run: RunConfig, device: str, folder: Path, *, runs: int = 1, stacked: int = 0, smallest: int = 0
) -> Implementation:
    """The choice for this machine, shape, batch and numerics profile: read from `folder`, or measured and stored.

    The first process to store its choice wins, and all others use it. The choice is recorded with a run but not hashed;
    every attempt on this machine uses the same one, and so has the same bits. The run is one of so many `runs` of its
    shape that could be `stacked`: with a number other than 0 they are, so many at a time, whatever is faster, if they
    can be. Where their batches differ, the run has the largest and `smallest` is the smallest.
    """
    torch_device = torch.device(device)
    if stacked and stackable(run):
        chosen = stacked_implementation(run, device, runs, stacked)
    else:
        chosen = _kept(folder, run, torch_device, lambda: _fastest(run, torch_device))
        if chosen.stacked:
            chosen = stacked_implementation(run, device, runs, chosen.stacked)
    if chosen.stacked < 2 or smallest in (0, run.train.batch):
        return chosen
    mixed = {"smallest": smallest, "stacked": chosen.stacked}
    measured = _kept(folder, run, torch_device, lambda: _faster_mix(run, smallest, chosen, torch_device), **mixed)
    return dataclasses.replace(chosen, batches=measured.batches)


def _kept(
    folder: Path, run: RunConfig, device: torch.device, measure: Callable[[], Implementation], **more: int
) -> Implementation:
    """What is stored for a run and `more` that it depends on, or is measured and stored now. Raises OSError."""
    file = folder / f"{_key(run, device, more)}.json"
    stored = _read(file)
    if stored is None:
        file.unlink(missing_ok=True)
        _store(file, run, measure(), device)
        stored = _read(file)
    if stored is None:
        raise OSError(f"{file} cannot be kept: what was just written cannot be read")
    return stored


def stacked_implementation(run: RunConfig, device: str, runs: int, stacked: int) -> Implementation:
    """The implementation of a stack of up to `stacked` of `runs`, compiled if that pays for all of them together."""
    together = dataclasses.replace(run.train, sequences=run.train.sequences * runs)
    chosen = choose_implementation(run.model, together, device)
    return dataclasses.replace(chosen, branches="autograd", stacked=stacked)


def _read(file: Path) -> Implementation | None:
    """The choice in a file; None where there is none, or where the file is damaged."""
    try:
        return Implementation(**json.loads(file.read_bytes())["implementation"])
    except (FileNotFoundError, ValueError, TypeError, KeyError, RecursionError):
        return None


def candidates(run: RunConfig, device: str) -> list[Implementation]:
    """Implementations that are worth timing, the default first: those that were the fastest on some machine.

    The length of the run alone decides whether to compile, in `choose_implementation`: compilation is not timed.
    """
    default = choose_implementation(run.model, run.train, device)
    if device != "cpu":
        default = dataclasses.replace(default, compiled=False)
        sizes = STACKS if stackable(run) else ()
        return [default, *(dataclasses.replace(default, stacked=size) for size in sizes)]
    if default.compiled:
        return [default]
    if default.branches in OWN_BACKWARD:
        return [default, Implementation(branches="handwritten" if default.branches == "native" else "autograd")]
    return [default, Implementation(attention="fused" if default.attention == "explicit" else "explicit")]


def _fastest(run: RunConfig, device: torch.device) -> Implementation:
    """The default, compiled where that pays, or an alternative that is clearly faster here."""
    default, choices = choose_implementation(run.model, run.train, device.type), candidates(run, device.type)
    if len(choices) == 1:
        return default
    keep_freed_memory()
    steps = [step_of(run, choice, device) for choice in choices]
    seconds = [math.inf] * len(choices)
    for _ in range(ROUNDS):
        for index, (choice, step) in enumerate(zip(choices, steps, strict=True)):
            if step is None:
                continue
            with torch_settings(choice.threads):
                taken = times(step, device, ROUND_SECONDS)
            seconds[index] = min(seconds[index], min(taken) / max(choice.stacked, 1))
            if seconds[0] > STEP_SECONDS_MAX:
                return default
        if seconds[0] < SETTLED_BELOW * min(seconds[1:]):
            return default
    best = seconds.index(min(seconds))
    return choices[best] if seconds[best] < SWITCH_BELOW * seconds[0] else default


def _faster_mix(run: RunConfig, smallest: int, chosen: Implementation, device: torch.device) -> Implementation:
    """The faster way for a stack of which every second run has the `smallest` batch, timed without compilation."""
    small = dataclasses.replace(run, train=dataclasses.replace(run.train, batch=smallest))
    mixed = [(run, small)[index % 2] for index in range(chosen.stacked)]
    keep_freed_memory()
    ways = [dataclasses.replace(chosen, compiled=False, batches=batches) for batches in KNOWN["batches"]]
    steps = [_together(mixed, way, device) for way in ways]
    seconds = [math.inf] * len(ways)
    for _ in range(ROUNDS):
        for index, step in enumerate(steps):
            with torch_settings(chosen.threads):
                seconds[index] = min([seconds[index], *(times(step, device, ROUND_SECONDS) if step else ())])
    return ways[seconds.index(min(seconds))]


def stackable(run: RunConfig) -> bool:
    """Whether the run can be one of a stack."""
    return bool(stack_key(run.to_dict(), count_parameters(run.model).matmul))


def step_of(run: RunConfig, choice: Implementation, device: torch.device) -> Callable[[], object] | None:
    """What takes a step of every run that is computed together; None where these do not fit into memory."""
    return _together([run] * max(choice.stacked, 1), choice, device)


def _together(runs: Sequence[RunConfig], choice: Implementation, device: torch.device) -> Callable[[], object] | None:
    """What takes a step of these runs as one computation, or of one; None where they do not fit into memory."""
    generator = torch.Generator().manual_seed(0)
    shape = runs[0].train.batch, runs[0].model.context + 1
    sequences = torch.randint(runs[0].model.vocab, shape, generator=generator).to(device)
    try:
        trainings = [Training(for_timing(run), choice, device) for run in runs]
        if not choice.stacked:
            return partial(trainings[0].take_step, sequences)
        parts = {training: sequences[: training.run.train.batch] for training in trainings}
        return partial(steps_of(trainings, choice).take_step, parts)
    except RuntimeError:  # it does not fit, or cannot be captured: no choice
        return None


def _key(run: RunConfig, device: torch.device, more: Mapping[str, int]) -> str:
    """Hash of all that the fastest implementation may depend on."""
    facts = {
        "model": plain_json(run.model),
        "batch": run.train.batch,
        "numerics": run.train.numerics,
        "compiled": choose_implementation(run.model, run.train, device.type).compiled,
        "device": device.type,
        "device_name": device_name(device),
        "features": cpu_features() if device.type == "cpu" else (),
        "torch": torch.__version__,
        **({"stacks": STACKS} if device.type != "cpu" else {}),
        **more,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _store(file: Path, run: RunConfig, chosen: Implementation, device: torch.device) -> None:
    """Write to a temporary folder and link, which fails where another process was faster: its choice stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "implementation": chosen.to_dict(),
        "device_name": device_name(device),
        "model": plain_json(run.model),
        "batch": run.train.batch,
        "numerics": run.train.numerics,
    }
    with tempfile.TemporaryDirectory(dir=file.parent) as scratch:
        written = Path(scratch) / file.name
        written.write_text(json.dumps(record))
        try:
            os.link(written, file)
        except FileExistsError:
            return

"""The implementation that a machine uses for a shape: measured once, stored before the first attempt, then kept."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import tempfile
from pathlib import Path

import torch

from model.config import RunConfig
from model.device import device_name, keep_freed_memory, torch_settings
from model.implementation import (
    OWN_BACKWARD,
    Implementation,
    choose_implementation,
)
from model.peak import times
from model.training import Training

STEP_SECONDS_MAX = 0.5
"""A step that takes longer is not timed in other ways: the default is as good as known, the timing would cost."""
ROUNDS, ROUND_SECONDS = 3, 0.02
"""Turns that each candidate gets, and the time of a turn beside two steps of warm-up: what else the machine does comes
in bursts longer than a turn, and would favour whoever is timed after one."""
CLEARLY = 0.9
"""Share of the default's time that another way must stay below to be taken: the default was the fastest elsewhere."""
LEAD = 0.8
"""Share of every other way's time below which the default is taken after any round: most machines need one."""


def stored_implementation(run: RunConfig, device: str, folder: Path) -> Implementation:
    """The choice for this machine, shape, batch and numerics profile: read from `folder`, or measured and stored.

    The first process to store its choice wins, and all others use it. It is recorded with a run, never hashed, so that
    every attempt on this machine computes alike (decision 3).
    """
    where = torch.device(device)
    file = folder / f"{_key(run, where)}.json"
    if not file.exists():
        _store(file, run, _fastest(run, where), where)
    return Implementation(**json.loads(file.read_text())["implementation"])


def candidates(run: RunConfig, device: str) -> list[Implementation]:
    """Ways to compute a run that are worth timing, the default first: those that were fastest somewhere.

    Whether to compile is decided by length alone, in `choose_implementation`.
    """
    default = choose_implementation(run.model, run.train, device)
    if device != "cpu" or default.compiled:
        return [default]
    if default.branches in OWN_BACKWARD:
        return [default, Implementation(branches="handwritten" if default.branches == "native" else "autograd")]
    return [default, Implementation(attention="fused" if default.attention == "explicit" else "explicit")]


def _fastest(run: RunConfig, device: torch.device) -> Implementation:
    ways = candidates(run, device.type)
    if len(ways) == 1:
        return ways[0]
    keep_freed_memory()
    generator = torch.Generator().manual_seed(0)
    sequences = torch.randint(run.model.vocab, (run.train.batch, run.model.context + 1), generator=generator).to(device)
    # A rate of nearly 0 keeps the weights finite however many steps are timed.
    train = dataclasses.replace(run.train, sequences=run.train.batch * 10**6, lr=1e-9, embedding_lr=1e-9)
    trainings = [Training(dataclasses.replace(run, train=train), way, device) for way in ways]
    seconds = [math.inf] * len(ways)
    for _ in range(ROUNDS):
        for index, training in enumerate(trainings):
            with torch_settings(ways[index].threads):
                taken = times(lambda training=training: training.take_step(sequences), device, ROUND_SECONDS)  # type: ignore[misc]
            seconds[index] = min(seconds[index], *taken)
            if seconds[0] > STEP_SECONDS_MAX:
                return ways[0]
        if seconds[0] < LEAD * min(seconds[1:]):
            return ways[0]
    best = seconds.index(min(seconds))
    return ways[best] if seconds[best] < CLEARLY * seconds[0] else ways[0]


def _key(run: RunConfig, device: torch.device) -> str:
    facts = {
        "model": dataclasses.asdict(run.model),
        "batch": run.train.batch,
        "numerics": run.train.numerics,
        "compiled": choose_implementation(run.model, run.train, device.type).compiled,
        "device": device.type,
        "device_name": device_name(device),
        "torch": torch.__version__,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _store(file: Path, run: RunConfig, chosen: Implementation, device: torch.device) -> None:
    """Write beside and link, which fails where another process was faster."""
    file.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "implementation": chosen.to_dict(),
        "device_name": device_name(device),
        "model": dataclasses.asdict(run.model),
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

"""Timing on a device: of repeated calls, and of a training step that is repeated for the purpose."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import torch

from model.config import RunConfig

WARM_UP_CALLS, TIMED_CALLS = 2, 3
"""Calls that are not timed, and the fewest that are."""
TIMED_STEPS = 10**6
"""Steps of a run that is only timed: more than any timing takes."""
TIMED_LR = 1e-9
"""Learning rate of a run that is only timed: nearly 0 keeps the weights finite however many steps are taken."""


def for_timing(run: RunConfig) -> RunConfig:
    """The run as it is timed: steps cost the same, but it never ends and its weights hardly move."""
    sequences = run.train.batch * TIMED_STEPS
    train = dataclasses.replace(run.train, sequences=sequences, lr=TIMED_LR, embedding_lr=TIMED_LR)
    return dataclasses.replace(run, train=train)


def times(work: Callable[[], object], device: torch.device, seconds: float) -> list[float]:
    """Seconds of each call: as many as fit into `seconds`, at least TIMED_CALLS, after WARM_UP_CALLS."""
    taken: list[float] = []
    calls = 0
    while calls < WARM_UP_CALLS + TIMED_CALLS or sum(taken) < seconds:
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        calls += 1
        if calls > WARM_UP_CALLS:
            taken.append(time.perf_counter() - began)
    return taken

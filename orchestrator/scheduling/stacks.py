"""Which waiting runs could share a stack, which stacks are in training, and which of these others may enter. Pure."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

from orchestrator.attempts import Slot
from orchestrator.scheduling.waiting import Claim, Started, Waiting

STACKED = 16
"""Runs that a GPU's worker may get at a time: as many as were ever measured to be faster than fewer."""
Key = tuple[str, str, str]
"""User, stack and kind of device that the runs of a stack have in common."""


@dataclass(frozen=True, slots=True)
class StackSizes:
    """How many runs a worker may get at a time."""

    gpu: int = 1
    """On a GPU."""
    cpu: int = 1
    """On a CPU."""

    @classmethod
    def of(cls, stacked: int | None) -> StackSizes:
        """So many on every kind of device; None stacks on GPUs, where that is faster."""
        return cls(gpu=STACKED) if stacked is None else cls(stacked, stacked)

    def most(self, slot: Slot) -> int:
        """On a slot's device."""
        return self.gpu if slot.gpu else self.cpu


@dataclass(slots=True)
class StackAtWork:
    """Runs that a worker got to train together, or one alone."""

    key: Key
    """What its runs have in common."""
    worker: str
    """Name of the worker."""
    device: str
    """Name of its device."""
    share: float
    """Fraction of the device that all runs may take together."""
    memory: float
    """Bytes of memory that this comes to; infinite on a CPU."""
    most: int
    """Runs that the worker may have at a time."""
    runs: dict[str, int]
    """Estimated bytes of each run that has not ended."""
    computed: bool = False
    """Whether a result has shown that the worker computes them as one, and not one after the other."""

    @property
    def is_open(self) -> bool:
        """Whether others may enter: half of the places are free, so that the worker forms the stack anew."""
        return self.computed and 0 < len(self.runs) <= self.most // 2


class Stacks:
    """The stacks in training, and the waiting runs that could be in them."""

    def __init__(self, sizes: StackSizes) -> None:
        """Begin with no runs."""
        self._sizes = sizes
        self._waiting: dict[Key, dict[str, Waiting]] = {}
        self._of_run: dict[str, StackAtWork] = {}
        self._open: dict[Key, dict[str, StackAtWork]] = {}
        """Stacks that others may enter, by worker."""

    def offer(self, run: Waiting) -> None:
        """Note a run that waits."""
        if run.stack:
            self._waiting.setdefault(_key(run), {})[run.run_id] = run

    def withdraw(self, run: Waiting) -> None:
        """Note that a run waits no longer."""
        alike = self._waiting.get(_key(run), {})
        alike.pop(run.run_id, None)
        if not alike:
            self._waiting.pop(_key(run), None)

    def begin(self, started: Started, most: int) -> StackAtWork:
        """The stack of a run that starts and of waiting ones that start with it, at most so many."""
        run, slot, share = started.run, started.slot, started.claim.share
        memory = math.inf if slot.memory is None else slot.memory * share
        places = self._sizes.most(slot) if run.stack else 1
        worker = started.claim.worker
        stack = StackAtWork(_key(run), worker, slot.device, share, memory, places, {run.run_id: run.memory})
        self._of_run[run.run_id] = stack
        self._fill(stack, most)
        return stack

    def _fill(self, stack: StackAtWork, most: int) -> list[str]:
        """Let waiting runs join, the longest first, up to so many runs in all and as far as the memory reaches."""
        left, joined = stack.memory - sum(stack.runs.values()), list[str]()
        free = max(min(most, stack.most) - len(stack.runs), 0)
        for run in heapq.nsmallest(free, self._waiting.get(stack.key, {}).values(), key=lambda each: each.order):
            if run.memory > left:
                break
            left -= run.memory
            joined.append(run.run_id)
            stack.runs[run.run_id] = run.memory
            self._of_run[run.run_id] = stack
        return joined

    @property
    def any_open(self) -> bool:
        """Whether there is a stack that others may enter."""
        return bool(self._open)

    def enter(self, run: Waiting, most: int) -> list[Claim]:
        """The claims of a waiting run and of others that enter a stack in training, at most so many."""
        for stack in list(self._open.get(_key(run), {}).values()):
            before = tuple(stack.runs)
            entered = self._fill(stack, len(before) + most)
            self._look(stack)
            if entered:
                share = stack.share / len(stack.runs)
                return [Claim(run_id, stack.worker, share, before, stack.share) for run_id in entered]
        return []

    def leave(self, run_id: str, *, computed: bool) -> str:
        """Note that a run ended; returns one that goes on in its worker, or an empty text."""
        stack = self._of_run.pop(run_id)
        del stack.runs[run_id]
        stack.computed = stack.computed or computed
        self._look(stack)
        return next(iter(stack.runs), "")

    def _look(self, stack: StackAtWork) -> None:
        """Note whether others may enter a stack that has changed."""
        alike = self._open.setdefault(stack.key, {})
        alike.pop(stack.worker, None)
        if stack.is_open:
            alike[stack.worker] = stack
        if not alike:
            del self._open[stack.key]


def _key(run: Waiting) -> Key:
    """What a run has in common with the others of its stack."""
    return run.user, run.stack, run.kind

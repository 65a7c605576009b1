"""Job: a run in the scheduler's hands, queued or in training."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from model.stacked.grouping import stack_key
from orchestrator.scheduling.waiting import Waiting
from orchestrator.store.records import RunRecord, SweepRecord

WHOLE = 2**62
"""More bytes than any device has: a run of this memory takes a whole device."""


@dataclass(slots=True)
class Job:
    """A run in the scheduler's hands."""

    run: RunRecord
    """The run as it was last read."""
    sweep: SweepRecord
    """The sweep for which it is trained."""
    fence: int = 0
    """Number of its attempt, once claimed."""
    began: float = 0.0
    """When it was assigned, by the monotonic clock."""
    share: float = 1.0
    """Fraction of its GPU that the attempt has."""
    of_device: float = 1.0
    """Fraction of the device that its worker has, with all runs of a stack."""
    payer: int = 0
    """Id of the sweep that pays for it; 0 before it is known."""
    payer_name: str = ""
    """Name of that sweep."""
    earlier: float = 0.0
    """Device-seconds of its earlier attempts that the present reservation pays for."""
    reserved: float = field(default=float("inf"))
    """Device-seconds that are reserved for it under the ceilings of the sweep that pays."""
    stack: tuple[str, ...] = ()
    """Runs that its worker got with it, this one among them; empty if it trains alone."""
    sharing: int = 1
    """Runs of its stack that are still in training, this one among them."""
    before: float = 0.0
    """Device-seconds of the attempt until the last of the others ended."""
    alone: bool = False
    """Whether it is to train alone: an attempt failed in a stack, and nobody knows which run's fault that was."""
    stopping: bool = False
    """Whether it was asked to end with a checkpoint."""

    def begin(self, fence: int, share: float, of_device: float = 1.0) -> None:
        """Note that an attempt begins."""
        self.fence, self.share, self.of_device, self.stopping = fence, share, of_device, False
        self.began, self.before, self.sharing = time.monotonic(), 0.0, 1

    def share_with(self, runs: int) -> None:
        """From now on so many runs share the worker, this one among them."""
        self.before, self.began, self.sharing = self.elapsed, time.monotonic(), runs

    def waiting(self, work: float | None, *, by_memory: bool = False, shares: int | None = None) -> Waiting:
        """The queued run as dispatch sees it. Its work is in predicted seconds; if nothing predicts them, in FLOPs.

        As many runs share a device as were measured to be the fastest, of the `shares` that it has, where that is
        known; `by_memory`, as many as its memory holds.
        """
        cell = self.run.cell
        memory = WHOLE if self.run.alone else cell.memory_bytes if cell else 0
        processes = cell.processes if cell else 1
        beside = 0 if by_memory else processes if shares is None else min(processes, shares)
        later = self.run.id in self.sweep.ahead
        stack = "" if beside > 1 else self._stack()  # it was measured to be faster than a stack
        work = work or self.run.flops
        return Waiting(self.run.id, work, memory, self.kind, stack, self.sweep.user, later, beside)

    def _stack(self) -> str:
        """The stack that the run could be part of; empty for one that trains alone, or that nobody can read."""
        if self.alone or self.run.alone or self.run.micro_batch:
            return ""
        try:
            return stack_key(self.run.config, self.run.cell.params if self.run.cell else math.inf)
        except (KeyError, TypeError, AttributeError):
            return ""

    @property
    def kind(self) -> str:
        """Kind of device that its sweep asks for; empty for any."""
        asked = self.run.cell.kind if self.run.cell else "auto"
        return "" if asked == "auto" else asked

    @property
    def elapsed(self) -> float:
        """Device-seconds of the present attempt: of a stack, its part, and of a share of the device, the share."""
        return self.before + self.of_device * (time.monotonic() - self.began) / self.sharing


def leave_stack(ended: Job, running: Mapping[str, Job]) -> None:
    """Let those of an ended run's stack that are still in training share the worker among themselves."""
    left = [running[run_id] for run_id in ended.stack if run_id in running]
    for job in left:
        job.share_with(len(left))

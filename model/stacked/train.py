"""Trains runs of one shape together, each to its end: each has data, events, checkpoints and a stop of its own."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from model.batches import Batches, check_run
from model.checkpoint import Checkpoints
from model.config import RunConfig
from model.device import compiled_anew, free_memory, keep_freed_memory, torch_settings
from model.endings import Interrupted
from model.implementation import Implementation
from model.memory import HEADROOM, step_bytes
from model.reporting import Reporter, Sink
from model.scoring import RunResult, score
from model.stacked.turns import Alone, Steps, steps_of
from model.training import Training
from model.trunk import Trunk
from tokenizer.shards import Shards

Ended = Callable[[RunResult | Exception, float], None]
"""Hears the result of a run, or why it ended without one, and for how many seconds it had the device."""
KEPT_SHARE = 0.5
"""Share of a stack's runs down to which it goes on without those that ended; on a GPU a new stack is captured anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A run that is to be trained with others."""

    run: RunConfig
    """The run."""
    data: Shards
    """Its dataset."""
    sink: Sink
    """Receives its events."""
    ended: Ended
    """Hears how it ended, as soon as it has."""
    checkpoints: Checkpoints | None = None
    """Where its checkpoints are kept."""
    trunk: Trunk | None = None
    """The trunk that it shares."""
    stop: Callable[[], bool] = lambda: False
    """Whether it is to end with a checkpoint; asked before each step."""
    progress_seconds: float = 1.0
    """Seconds between its reports of progress."""
    checkpoint_seconds: float = 10.0
    """Seconds between its checkpoints."""


class ShareClock:
    """Seconds of the device that each of several runs has had, if those at work share it equally."""

    def __init__(self) -> None:
        """Begin at 0."""
        self.runs = 1
        """Runs at work."""
        self._seconds, self._last = 0.0, time.perf_counter()

    def __call__(self) -> float:
        """Seconds of each run at work."""
        now = time.perf_counter()
        self._seconds, self._last = self._seconds + (now - self._last) / self.runs, now
        return self._seconds

    def share(self, runs: int) -> None:
        """From now on so many runs are at work."""
        self()
        self.runs = max(runs, 1)


class OwnClock:
    """Seconds of the device that one run has had: those of the shared clock while it is at work."""

    def __init__(self, shared: ShareClock) -> None:
        """Begin at 0, at rest."""
        self._shared = shared
        self._seconds, self._since = 0.0, None  # type: float, float | None

    def __call__(self) -> float:
        """Seconds so far."""
        return self._seconds if self._since is None else self._seconds + self._shared() - self._since

    def work(self) -> None:
        """The run is at work from now on."""
        if self._since is None:
            self._since = self._shared()

    def rest(self) -> None:
        """The run waits from now on."""
        self._seconds, self._since = self(), None


class _Entry:
    """A member with the state of its run."""

    def __init__(self, member: Member, implementation: Implementation, device: torch.device, group: _Group) -> None:
        """Build the run's state and continue from what is kept of it. Raises what `model.train.train` raises."""
        self.member = member
        self.over = False
        """Whether the member has heard how its run ended."""
        self.clock = OwnClock(group.clock)
        self.clock.work()
        check_run(member.run, member.data)
        self.training = Training(member.run, implementation, device)
        self.resumed = self.training.restore(member.checkpoints)
        if member.trunk is not None:
            self.resumed = max(self.resumed, self.training.branch(member.trunk))
        self.batches = Batches(member.run, member.data, self.training.device, group.resident)
        seconds = member.progress_seconds, member.checkpoint_seconds
        self.reporter = Reporter(self.training, member.sink, member.checkpoints, member.trunk, *seconds, self.clock)
        self.reporter.start(self.resumed, group.replaced)
        self.clock.rest()

    def end(self, how: RunResult | Exception) -> None:
        """Tell the member how its run ended."""
        self.over = True
        self.member.ended(how, self.clock())

    def is_over(self, stack: Steps | None) -> bool:
        """Whether the run has finished, diverged, or been stopped; then it leaves the stack, and its member hears."""
        try:
            if stack is not None:
                self.training.check_loss_when_due()
                self.reporter.after_step()
            if not self.done:
                if self.member.stop():
                    self.reporter.interrupt()
                return False
            self.training.synchronise()
            self.reporter.update_seconds()
            if stack is not None:
                stack.leave(self.training)
            scored = score(self.training, self.member.data, self.resumed, self.clock)
            self.reporter.finish(scored)
            how: RunResult | Exception = scored
        except Exception as error:  # noqa: BLE001 - however one run ends, the others go on
            if stack is not None:
                stack.leave(self.training)
            how = _told(error)
        self.end(how)
        return True

    @property
    def done(self) -> bool:
        """Whether every step is taken."""
        return self.training.step >= self.training.run.train.steps


def train_stacked(
    members: Sequence[Member],
    device: str,
    implementation: Implementation,
    replaced: str = "",
    *,
    entering: Callable[[], Sequence[Member]] = lambda: (),
) -> None:
    """Train runs of one shape, as many at a time as `implementation.stacked` says and memory holds.

    Each member hears how its run ended, as `model.train.train` would return or raise it, as soon as it ends. A run that
    does not even fit as a stack of one trains by itself, in parts of its batch. `replaced` says why an implementation
    other than the one asked for is used. `entering`, asked before each step, gives those that have come since; the
    stack is formed anew with them.
    """
    keep_freed_memory()
    group = _Group(ShareClock(), {}, replaced, deque(members), entering)
    with torch_settings(implementation.threads), compiled_anew(implementation.compiled):
        rest = deque[_Entry]()
        active: list[_Entry] = []
        most = max(implementation.stacked, 1)
        while group.waiting or rest or active:
            group.clock.share(1)
            while len(active) < max(most, 1) and (rest or group.waiting):
                entry = rest.popleft() if rest else _entry(group.waiting.popleft(), implementation, device, group)
                active += [entry] if entry is not None else []
            if len(active) > 1:
                most = min(most, _fitting([entry.training for entry in active]))
            rest.extendleft(reversed(active[max(most, 1) :]))
            tried = active[: max(most, 1)]
            try:
                active = _train_together(tried, group, most)
            except (torch.cuda.OutOfMemoryError, MemoryError) as error:
                active = [entry for entry in tried if not entry.over]
                if most == 0:
                    active.pop().end(_told(error))
                most = len(tried) // 2
                torch.cuda.empty_cache()


@dataclass(frozen=True, slots=True)
class _Group:
    """What the runs of one worker share."""

    clock: ShareClock
    """The clock of the device."""
    resident: dict[Path, Tensor]
    """Training splits that lie on the device, by the folders of their shards."""
    replaced: str
    """Why an implementation other than the one asked for is used; empty if it is not."""
    waiting: deque[Member]
    """Members that have not begun."""
    entering: Callable[[], Sequence[Member]]
    """Gives the members that have come since it was asked last."""

    def admit(self) -> bool:
        """Let those wait that have come, end those of all that wait which are asked to stop; whether any came."""
        came = self.entering()
        self.waiting.extend(came)
        end_stopped(self.waiting)
        return bool(came)


def end_stopped(waiting: deque[Member]) -> None:
    """End those of the members that wait for their turn which are asked to stop."""
    for member in [each for each in waiting if each.stop()]:
        waiting.remove(member)
        member.ended(Interrupted("stopped while it waited for its turn"), 0.0)


def _entry(member: Member, implementation: Implementation, device: str, group: _Group) -> _Entry | None:
    """A member with its state; None, and the member hears why, if that cannot be built."""
    began = group.clock()
    try:
        return _Entry(member, implementation, torch.device(device), group)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one run, the others go on
        member.ended(_told(error), group.clock() - began)
        return None


def _told(error: Exception) -> Exception:
    """The error that a member hears: of a GPU whose memory ran out, the same as of any device."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return MemoryError(f"the run does not fit into the device's memory: {error}")
    return error


def _fitting(trainings: Sequence[Training]) -> int:
    """How many runs like the one of the largest batch fit into the memory of its device together, at least 1."""
    training = max(trainings, key=lambda each: each.run.train.batch)
    if training.device.type == "cpu":
        return sys.maxsize
    run, chosen = training.run, training.implementation
    whole_head, explicit = chosen.head == "whole", chosen.attention == "explicit"
    each = step_bytes(
        run.model, run.train.batch, run.train.numerics, explicit_attention=explicit, whole_head=whole_head
    )
    return max(1, int(HEADROOM * free_memory(training.device) / each))


def _train_together(active: list[_Entry], group: _Group, most: int) -> list[_Entry]:
    """Take steps until the runs that are left are worth a stack of their own, or others enter; returns those left.

    Of `most` places, those with no run are for others. With 0 of them there is no stack: the one run is by itself.
    """
    active = _at_work(active, group.clock, None)
    if not active:
        return []
    try:
        trainings = [entry.training for entry in active]
        stack = steps_of(trainings, trainings[0].implementation) if most else Alone(trainings[0])
        fewest = int(KEPT_SHARE * len(active)) if stack.captured else len(active) - 1
        came = False
        try:
            while len(active) > fewest and not (came and len(active) < most):
                stack.take_step({entry.training: entry.batches.at(entry.training.step) for entry in active})
                active = _at_work(active, group.clock, stack)
                came = group.admit() or came
        finally:
            stack.release()
    finally:
        for entry in active:
            entry.clock.rest()
    return active


def _at_work(active: list[_Entry], clock: ShareClock, stack: Steps | None) -> list[_Entry]:
    """The runs that are not over; those share the device from now on."""
    if stack is None:
        clock.share(len(active))
        for entry in active:
            entry.clock.work()
    left = [entry for entry in active if not entry.is_over(stack)]
    if len(left) != clock.runs:
        clock.share(len(left))
    return left

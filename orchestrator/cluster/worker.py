"""What runs on a node: one warm process that fetches data, trains runs one after the other or stacked, and reports."""

from __future__ import annotations

import gc
import importlib
import math
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.attempts import Assignment, Outcome, RunProgress
from orchestrator.cluster.attempt import Attempt
from orchestrator.cluster.causes import outcome_of
from orchestrator.cluster.stack_room import StackRoom, Tell
from orchestrator.tracking.wandb_mirror import WandbMirror
from tokenizer.errors import ExpectedError

if TYPE_CHECKING:
    from model.implementation import Implementation
    from model.scoring import RunResult
    from model.stacked.train import Ended, Member

WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # By default glibc returns every big buffer to the kernel, and each step page-faults it in again.
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "MALLOC_TOP_PAD_": "268435456",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "WANDB_SILENT": "true",
}
"""Environment of a worker process: two threads each on two cores would be slower by a factor of 15 to 28."""


class ForeignModule(ExpectedError, RuntimeError):
    """A module of the user's has the name of one of ours and was imported instead."""

    kind = "foreign-module"


class Worker:
    """Trains assignments on one device. While `train` blocks, other threads may call `progress` and `stop`.

    A `core` pins the process to a CPU core. Raises ForeignModule if a module of ours is not below `package_root`.
    """

    def __init__(self, device: str, core: int | None, package_root: str) -> None:
        """Prepare this process for training on a torch `device`."""
        check_modules(package_root)
        if core is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {core})
        import torch

        torch.set_num_threads(1)
        importlib.import_module("model.train")
        from model.device import device_name

        self._device = device
        self._kind = device_name(torch.device(device))
        """Kind of device that runs are recorded with."""
        self._stopped: set[tuple[str, int]] = set()
        self._last_asked = time.monotonic()
        """When the scheduler last asked for progress."""
        self._progress: dict[str, RunProgress] = {}
        """How far each run in training is."""
        self._over: set[str] = set()
        """Runs whose attempts have ended since the last one began."""
        self._room = StackRoom()
        self._mirrors: list[WandbMirror] = []

    def device_memory(self) -> int | None:
        """Total bytes of the GPU's memory; None on a CPU."""
        if self._device == "cpu":
            return None
        import torch

        return int(torch.cuda.mem_get_info(self._device)[1])

    def progress(self) -> dict[str, RunProgress]:
        """How far each run in training is, by its id; to ask renews the attempts' lease."""
        self._last_asked = time.monotonic()
        return dict(self._progress)

    def stop(self, run_id: str, fence: int) -> None:
        """Ask an attempt to leave a checkpoint and end, even before it has begun."""
        self._stopped.add((run_id, fence))

    def train(self, assignment: Assignment) -> Outcome:
        """Carry out one attempt; one of a stack waits for the others. Never raises: the outcome says what is wrong."""
        over, self._over = self._over, set()
        for run_id in over:
            self._progress.pop(run_id, None)
        self._progress[assignment.run_id], self._last_asked = RunProgress(), time.monotonic()
        outcome = self._room.outcome_of(assignment, self._train_all)
        self._over.add(assignment.run_id)
        return replace(outcome, flops=self._progress[assignment.run_id].flops)

    def _train_all(self, assignments: Sequence[Assignment], tell: Tell) -> None:
        """Carry out the attempts of a stack, or one attempt, and tell the outcome of each."""
        began = time.monotonic()
        attempts: dict[str, Attempt] = {}
        untold = {given.run_id: given for given in assignments}

        def end(given: Assignment, outcome: Outcome) -> None:
            """Tell an outcome, once, and close the attempt."""
            if untold.pop(given.run_id, None) is not None:
                tell(given, outcome)
            if given.run_id in attempts:
                self._close_attempt(attempts.pop(given.run_id))

        def opened(given: Assignment) -> Attempt | None:
            """The attempt of an assignment; None, and its outcome is told, if it cannot be opened."""
            untold[given.run_id] = given
            try:
                attempts[given.run_id] = Attempt(given, partial(self._note, given.run_id))
            except Exception as error:  # noqa: BLE001 - every failure becomes an outcome with its traceback
                end(given, outcome_of(error, self._device, given.share))
            return attempts.get(given.run_id)

        in_order = sorted(assignments, key=lambda each: each.stack.index(each.run_id) if each.stack else 0)
        try:
            first = [attempt for attempt in map(opened, in_order) if attempt is not None]
            if first:
                self._keep_to(min(1.0, math.fsum(attempt.assignment.share for attempt in first)))
                self._train_open(first, end, began, opened)
        except Exception as error:  # noqa: BLE001 - what befalls all of them is the outcome of each
            for given in list(untold.values()):
                end(given, outcome_of(error, self._device, given.share))
        finally:
            self._free_memory()

    def _close_attempt(self, attempt: Attempt) -> None:
        """Close an attempt; its mirror goes on writing while the next run trains."""
        attempt.close()
        self._mirrors = [m for m in self._mirrors if not m.wait(0) or m.note] + [attempt.mirror]

    def _train_open(
        self, attempts: Sequence[Attempt], end: Tell, began: float, opened: Callable[[Assignment], Attempt | None]
    ) -> None:
        """Train the runs of open attempts, stacked if that was measured to be faster here, else one after the other.

        Attempts that come meanwhile enter a stack once they are `opened`.
        """
        from model.implementation import workable
        from model.stacked.train import train_stacked

        largest = max(attempts, key=lambda attempt: attempt.run.train.batch)
        smallest = min(attempt.run.train.batch for attempt in attempts)
        chosen = self._chosen(largest, len(attempts), smallest)
        prepared = (time.monotonic() - began) / len(attempts)
        members: dict[Member, Attempt] = {}
        for attempt in attempts:
            member = self._member(attempt, end, prepared, shared=len(attempts) > 1)
            if member is not None:
                members[member] = attempt
        if not chosen.stacked or any(attempt.assignment.micro_batch for attempt in attempts):
            self._train_in_turn(members)
            return

        def entering() -> list[Member]:
            """The runs that have come to enter the stack."""
            come = [attempt for attempt in map(opened, self._room.entered()) if attempt is not None]
            made = [self._member(attempt, end, 0.0, shared=True) for attempt in come]
            return [member for member in made if member is not None]

        stacked = workable(chosen, largest.run.model, largest.run.train, self._device)
        train_stacked(list(members), self._device, *stacked, entering=entering)

    def _train_in_turn(self, members: Mapping[Member, Attempt]) -> None:
        """Train runs one after the other; one that is asked to stop while it waits ends at the next step."""
        from model.stacked.train import end_stopped

        waiting = deque(members)
        while waiting:
            member = waiting.popleft()
            attempt = members[member]
            # each by its own choice: all attempts of a run must have the same
            chosen = replace(self._chosen(attempt, 1), stacked=0)
            stop = partial(_stop_and_hear, member.stop, partial(end_stopped, waiting))
            self._train_one(replace(member, stop=stop), chosen, attempt.assignment.micro_batch)

    def _member(self, attempt: Attempt, end: Tell, prepared: float, *, shared: bool) -> Member | None:
        """The run of an attempt as training takes it; None, and its outcome is told, if something is wrong with it."""
        ended = self._ender(attempt, end, prepared, shared=shared)
        try:
            return attempt.member(ended, self._stopper(attempt.assignment))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one run, the others go on
            ended(error, 0.0)
            return None

    def _chosen(self, attempt: Attempt, runs: int, smallest: int = 0) -> Implementation:
        """What this machine chooses for a run that is one of so many that could be stacked.

        It has the largest batch of these, and where their batches differ the `smallest` counts, too.
        """
        from model.choice import stored_implementation

        run, stacked = attempt.run, attempt.assignment.stacked
        return attempt.artifacts.choice(
            lambda folder: stored_implementation(
                run, self._device, folder, runs=runs, stacked=stacked, smallest=smallest
            )
        )

    def _train_one(self, member: Member, chosen: Implementation, micro_batch: int | None) -> None:
        """Train a run by itself."""
        from model.train import train

        began = time.monotonic()
        try:
            result = train(
                member.run,
                member.data,
                member.sink,
                member.checkpoints,
                device=self._device,
                stop=member.stop,
                checkpoint_seconds=member.checkpoint_seconds,
                implementation=chosen,
                micro_batch=micro_batch,
                trunk=member.trunk,
            )
        except Exception as error:  # noqa: BLE001 - every failure becomes an outcome with its traceback
            member.ended(error, time.monotonic() - began)
        else:
            member.ended(result, time.monotonic() - began)

    def _stopper(self, assignment: Assignment) -> Callable[[], bool]:
        """What says whether an attempt must stop."""
        return lambda: self._must_stop(assignment)

    def _ender(self, attempt: Attempt, end: Tell, prepared: float, *, shared: bool) -> Ended:
        """What turns the end of an attempt, whose preparation took so many seconds, into its outcome.

        Where the worker is `shared` with other attempts, the outcome has the seconds that were this one's. All seconds
        are of the whole device: of the worker's time they are the part that it has of the device.
        """

        def ended(how: RunResult | Exception, seconds: float) -> None:
            """Tell the outcome of a run that had the worker for so many seconds."""
            given, part = attempt.assignment, attempt.assignment.of_device
            taken = part * (seconds + prepared)
            try:
                if isinstance(how, Exception):
                    raise how
                result = how.on_part(part)
                outcome = attempt.done(result, self._kind, taken - result.train_seconds - result.evaluation_seconds)
            except Exception as error:  # noqa: BLE001 - every failure becomes an outcome with its traceback
                outcome = outcome_of(error, self._device, given.share)
            end(given, replace(outcome, seconds=taken) if shared else outcome)

        return ended

    def close(self, seconds: float) -> list[str]:
        """Give the wandb mirrors a moment for their last records; returns what went wrong with them."""
        deadline = time.monotonic() + seconds
        for mirror in self._mirrors:
            mirror.wait(max(0.0, deadline - time.monotonic()))
        return [m.note for m in self._mirrors if m.note]

    def _note(self, run_id: str, progress: RunProgress) -> None:
        """Note how far a run is."""
        self._progress[run_id] = progress

    def _keep_to(self, share: float) -> None:
        """Limit the run to its fraction of the GPU's memory, so that it cannot take a neighbour's."""
        if self._device == "cpu":
            return
        import torch

        from model.device import indexed

        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(share, indexed(torch.device(self._device)))

    def _free_memory(self) -> None:
        """Give back the GPU's memory that nothing uses: the next run there may be another worker's."""
        if self._device == "cpu":
            return
        import torch

        gc.collect()
        torch.cuda.empty_cache()

    def _must_stop(self, assignment: Assignment) -> bool:
        """Whether the attempt was asked to end, or its scheduler was silent for longer than the lease."""
        return assignment.key in self._stopped or time.monotonic() - self._last_asked > assignment.lease_seconds


def _stop_and_hear(stop: Callable[[], bool], hear: Callable[[], None]) -> bool:
    """Whether a run is to stop; others that wait for it `hear` the same question."""
    hear()
    return stop()


def check_modules(package_root: str) -> None:
    """Make sure that `model` and the other packages are ours, not a user's files that shadow them.

    Raises ForeignModule.
    """
    for name in ("analysis", "model", "orchestrator", "sweeps", "tokenizer"):
        found = Path(importlib.import_module(name).__file__ or "").resolve().parent.parent
        if found != Path(package_root).resolve():
            raise ForeignModule(f"the module {name!r} was imported from {found}, not from {package_root}")

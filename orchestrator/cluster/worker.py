"""What runs on a node: one warm process that fetches data, trains runs one after the other or stacked, and reports."""

from __future__ import annotations

import importlib
import math
import os
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.attempts import Assignment, Outcome, RunProgress
from orchestrator.cluster.attempt import Attempt
from orchestrator.cluster.patient_files import FULL
from orchestrator.cluster.stack_room import StackRoom, Tell
from orchestrator.errors import ArtifactsAway
from orchestrator.states import Cause
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
        self._progress[assignment.run_id], self._last_asked = RunProgress(), time.monotonic()
        outcome = self._room.outcome_of(assignment, self._train_all)
        return replace(outcome, flops=self._progress[assignment.run_id].flops)

    def _train_all(self, assignments: Sequence[Assignment], tell: Tell) -> None:
        """Carry out the attempts of a stack, or one attempt, and tell the outcome of each."""
        began = time.monotonic()
        self._progress = {given.run_id: self._progress[given.run_id] for given in assignments}
        attempts: list[Attempt] = []
        untold = {given.run_id: given for given in assignments}

        def end(given: Assignment, outcome: Outcome) -> None:
            """Tell an outcome, once."""
            if untold.pop(given.run_id, None) is not None:
                tell(given, outcome)

        for given in sorted(assignments, key=lambda each: each.stack.index(each.run_id) if each.stack else 0):
            try:
                attempts.append(Attempt(given, partial(self._note, given.run_id)))
            except Exception as error:  # noqa: BLE001 - every failure becomes an outcome with its traceback
                end(given, outcome_of(error, self._device, given.share))
        try:
            if attempts:
                self._keep_to(min(1.0, math.fsum(attempt.assignment.share for attempt in attempts)))
                self._train_open(attempts, end, began)
        except Exception as error:  # noqa: BLE001 - what befalls all of them is the outcome of each
            for given in list(untold.values()):
                end(given, outcome_of(error, self._device, given.share))
        finally:
            for attempt in attempts:
                attempt.close()
                # The mirror goes on writing while the next run trains.
                self._mirrors = [m for m in self._mirrors if not m.wait(0) or m.note] + [attempt.mirror]

    def _train_open(self, attempts: Sequence[Attempt], end: Tell, began: float) -> None:
        """Train the runs of open attempts, stacked if that was measured to be faster here, else one after the other."""
        from model.implementation import workable
        from model.stacked.train import train_stacked

        first = attempts[0]
        chosen = self._chosen(first, len(attempts))
        prepared = (time.monotonic() - began) / len(attempts)
        members: list[tuple[Member, Attempt]] = []
        for attempt in attempts:
            ended = self._ender(attempt, end, prepared, shared=len(attempts) > 1)
            try:
                members.append((attempt.member(ended, self._stopper(attempt.assignment)), attempt))
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one run, the others go on
                ended(error, 0.0)
        if chosen.stacked and not any(attempt.assignment.micro_batch for attempt in attempts):
            stacked = workable(chosen, first.run.model, first.run.train, self._device)
            train_stacked([member for member, _ in members], self._device, *stacked)
            return
        for member, attempt in members:  # each by its own choice: all attempts of a run must have the same
            self._train_one(member, replace(self._chosen(attempt, 1), stacked=0), attempt.assignment.micro_batch)

    def _chosen(self, attempt: Attempt, runs: int) -> Implementation:
        """What this machine chooses for a run that is one of so many that could be stacked."""
        from model.choice import stored_implementation

        run, stacked = attempt.run, attempt.assignment.stacked
        return attempt.artifacts.choice(
            lambda folder: stored_implementation(run, self._device, folder, runs=runs, stacked=stacked)
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

        Where the worker is `shared` with other attempts, the outcome has the seconds that were this one's.
        """

        def ended(how: RunResult | Exception, seconds: float) -> None:
            """Tell the outcome of a run that had the device for so many seconds."""
            given, taken = attempt.assignment, seconds + prepared
            try:
                if isinstance(how, Exception):
                    raise how
                outcome = attempt.done(how, self._kind, taken - how.train_seconds - how.evaluation_seconds)
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

    def _must_stop(self, assignment: Assignment) -> bool:
        """Whether the attempt was asked to end, or its scheduler was silent for longer than the lease."""
        return assignment.key in self._stopped or time.monotonic() - self._last_asked > assignment.lease_seconds


def outcome_of(error: Exception, device: str, share: float = 1.0) -> Outcome:
    """The outcome of an attempt that an exception ended, on a `share` of the device."""
    from model.batches import DataError
    from model.config import ConfigError
    from model.train import Diverged, Interrupted
    from tokenizer.shards import ShardError

    trace = "".join(traceback.format_exception(error))
    match error:
        case Diverged():
            return Outcome(Cause.DIVERGED, detail=str(error))
        case Interrupted():
            return Outcome(Cause.PREEMPTED, detail=str(error))
        case ConfigError() | DataError() | ShardError():
            return Outcome(Cause.CONFIGURATION, detail=trace)
        case ArtifactsAway():  # no fault of the run: another attempt goes on from its checkpoint
            return Outcome(Cause.LOST, detail=str(error))
        case OSError() if error.errno in FULL:
            return Outcome(Cause.DISK_FULL, detail=str(error))
        case MemoryError():
            # On a GPU training has already halved its micro-batches down to one sequence: alone on it nothing helps.
            last = device != "cpu" and share == 1.0
            return Outcome(Cause.OUT_OF_MEMORY, detail=str(error), micro_batch=1 if last else None)
        case RuntimeError() if _is_out_of_cpu_memory(error):
            return Outcome(Cause.OUT_OF_MEMORY, detail=str(error))
    return Outcome(Cause.CODE, detail=trace)


def _is_out_of_cpu_memory(error: RuntimeError) -> bool:
    """Whether torch could not allocate memory on the CPU. For that it has no type of error, only this text."""
    return "DefaultCPUAllocator" in str(error)


def check_modules(package_root: str) -> None:
    """Make sure that `model` and the other packages are ours, not a user's files that shadow them.

    Raises ForeignModule.
    """
    for name in ("analysis", "model", "orchestrator", "sweeps", "tokenizer"):
        found = Path(importlib.import_module(name).__file__ or "").resolve().parent.parent
        if found != Path(package_root).resolve():
            raise ForeignModule(f"the module {name!r} was imported from {found}, not from {package_root}")

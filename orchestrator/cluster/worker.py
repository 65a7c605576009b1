"""What runs on a node: one warm process that fetches data, trains runs one after the other, and reports."""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from model.config import RunConfig
from orchestrator.attempts import Assignment, Outcome, RunProgress, Tracking
from orchestrator.cluster.artifact_store import ArtifactStore, open_artifacts
from orchestrator.cluster.attempt_log import AttemptLog, Event
from orchestrator.cluster.patient_files import FULL
from orchestrator.errors import ArtifactsAway
from orchestrator.states import Cause
from orchestrator.tracking.wandb_mirror import WandbMirror
from tokenizer.errors import ExpectedError

if TYPE_CHECKING:
    from model.train import RunResult

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
        self._progress = RunProgress()
        self._mirrors: list[WandbMirror] = []

    def device_memory(self) -> int | None:
        """Total bytes of the GPU's memory; None on a CPU."""
        if self._device == "cpu":
            return None
        import torch

        return int(torch.cuda.mem_get_info(self._device)[1])

    def progress(self) -> RunProgress:
        """How far the run in training is; to ask renews the attempt's lease."""
        self._last_asked = time.monotonic()
        return self._progress

    def stop(self, run_id: str, fence: int) -> None:
        """Ask an attempt to leave a checkpoint and end, even before it has begun."""
        self._stopped.add((run_id, fence))

    def train(self, assignment: Assignment) -> Outcome:
        """Carry out one attempt. Never raises: the outcome says what went wrong."""
        self._progress, self._last_asked = RunProgress(), time.monotonic()
        try:
            outcome = self._attempt(assignment)
        except Exception as error:  # noqa: BLE001 - every failure becomes an outcome with its traceback
            outcome = outcome_of(error, self._device, assignment.share)
        return replace(outcome, flops=self._progress.flops)

    def _attempt(self, assignment: Assignment) -> Outcome:
        """Open the attempt's log and its wandb mirror, and train between them."""
        artifacts = open_artifacts(assignment.artifacts)
        run = RunConfig.from_dict(assignment.config)
        mirror = WandbMirror(
            _own_folder(assignment.tracking, artifacts.scratch),
            run_id=assignment.run_id,
            group=assignment.sweep,
            config={**run.to_dict(), "tokens": run.tokens, **assignment.facts},
            name=assignment.name,
        )
        try:
            with contextlib.closing(artifacts.log(*assignment.key)) as log:
                log.append({"kind": "attempt", "pid": os.getpid(), "host": platform.node(), "time": time.time()})
                return self._train(run, assignment, artifacts, log, mirror)
        finally:
            # The mirror goes on writing while the next run trains.
            mirror.send(None)
            self._mirrors = [m for m in self._mirrors if not m.wait(0) or m.note] + [mirror]

    def close(self, seconds: float) -> list[str]:
        """Give the wandb mirrors a moment for their last records; returns what went wrong with them."""
        deadline = time.monotonic() + seconds
        for mirror in self._mirrors:
            mirror.wait(max(0.0, deadline - time.monotonic()))
        return [m.note for m in self._mirrors if m.note]

    def _train(
        self, run: RunConfig, assignment: Assignment, artifacts: ArtifactStore, log: AttemptLog, mirror: WandbMirror
    ) -> Outcome:
        """Train the run on its data from its newest checkpoint, and log its result."""
        from model.choice import stored_implementation
        from model.train import train
        from tokenizer.shards import open_shards

        began = time.monotonic()

        def sink(event: Event) -> None:
            """Note the event's progress, and pass the event to the log and to the mirror."""
            kept = self._progress.kept | ({event["step"]} if event["kind"] == "branch" else set())
            self._progress = RunProgress.of(event, kept)
            log.append(event | {"elapsed": round(time.monotonic() - began, 3)})
            mirror.send(event)

        self._keep_to(assignment.share)
        checkpoints = artifacts.checkpoints(assignment.run_id, assignment.checkpoints)
        chosen = artifacts.choice(lambda folder: stored_implementation(run, self._device, folder))
        result = train(
            run,
            open_shards(artifacts.dataset(assignment.config["dataset"])),
            sink,
            checkpoints,
            device=self._device,
            stop=lambda: self._must_stop(assignment),
            checkpoint_seconds=assignment.checkpoint_seconds,
            implementation=chosen,
            micro_batch=assignment.micro_batch,
            trunk=artifacts.trunk(assignment.trunk, assignment.points) if assignment.trunk else None,
        )
        plain = result.to_dict()
        if not result.resumed_from_step:
            taken = time.monotonic() - began
            plain["startup_seconds"] = max(0.0, taken - result.train_seconds - result.evaluation_seconds)
        mirror.send(final_event(result))
        log.append({"kind": "result", "result": plain, "device": self._kind})
        with contextlib.suppress(OSError, ArtifactsAway):  # the result is safe; leftovers only take space
            checkpoints.clear()
        return Outcome(Cause.DONE, result=plain, device=self._kind)

    def _keep_to(self, share: float) -> None:
        """Limit the run to its fraction of the GPU's memory, so that it cannot take a neighbour's."""
        if self._device == "cpu":
            return
        import torch

        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(share, torch.device(self._device))

    def _must_stop(self, assignment: Assignment) -> bool:
        """Whether the attempt was asked to end, or its scheduler was silent for longer than the lease."""
        return assignment.key in self._stopped or time.monotonic() - self._last_asked > assignment.lease_seconds


def final_event(result: RunResult) -> Event:
    """The last event of a run for wandb; its summary has the loss by the name that `fit --wandb` reads."""
    shown = {"validation_loss": result.loss, "bits_per_byte": result.bits_per_byte}
    return shown | {"tokens": result.tokens, "flops": result.flops, "summary": {"loss": result.loss}}


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


def _own_folder(tracking: Tracking, scratch: Path | None) -> Tracking:
    """Where the mirror writes on this machine: if artifacts are copied, the driver's folders are another machine's."""
    return tracking if scratch is None else replace(tracking, folder=str(scratch))


def check_modules(package_root: str) -> None:
    """Make sure that `model` and the other packages are ours, not a user's files that shadow them.

    Raises ForeignModule.
    """
    for name in ("analysis", "model", "orchestrator", "sweeps", "tokenizer"):
        found = Path(importlib.import_module(name).__file__ or "").resolve().parent.parent
        if found != Path(package_root).resolve():
            raise ForeignModule(f"the module {name!r} was imported from {found}, not from {package_root}")

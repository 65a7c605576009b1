"""What runs on a node: one warm process that fetches, trains and reports, one run after the other."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import platform
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.config import RunConfig
from orchestrator.attempts import Assignment, Outcome, Tracking
from orchestrator.cluster.artifact_store import AttemptLog, Places, open_artifacts
from orchestrator.states import Cause
from orchestrator.tracking.wandb_mirror import WandbMirror
from tokenizer.errors import ExpectedError

if TYPE_CHECKING:
    from model.train import RunResult

WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # glibc returns every big buffer to the kernel and page-faults it anew each step unless told otherwise.
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "MALLOC_TOP_PAD_": "268435456",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "WANDB_SILENT": "true",
}
"""Environment of a worker process; two threads each on two cores would cost a factor of 15 to 28."""


FULL = (errno.ENOSPC, errno.EDQUOT)


class ForeignModule(ExpectedError, RuntimeError):
    """A module of the user's has taken the place of one of ours."""

    kind = "foreign-module"


class Worker:
    """Trains assignments. `train` blocks; `progress` and `stop` may be called from another thread meanwhile."""

    def __init__(self, device: str, core: int | None, package_root: str) -> None:
        check_modules(package_root)
        if core is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {core})
        import torch

        torch.set_num_threads(1)
        importlib.import_module("model.train")
        from model.device import device_name

        self._device = device
        self._kind = device_name(torch.device(device))
        """What to call the device that its runs were trained on."""
        self._stopped: set[tuple[str, int]] = set()
        self._heard = time.monotonic()
        self._latest: dict[str, Any] = {}
        self._kept: set[int] = set()
        self._mirrors: list[WandbMirror] = []

    def device_memory(self) -> int | None:
        """Bytes of the GPU's memory; None on a CPU."""
        if self._device == "cpu":
            return None
        import torch

        return int(torch.cuda.mem_get_info(self._device)[1])

    def progress(self) -> dict[str, Any]:
        """The latest event of the run in training, and at which steps it kept a trunk's states; renews the lease."""
        self._heard = time.monotonic()
        return self._latest | {"kept": sorted(self._kept)} if self._kept else self._latest

    def stop(self, run_id: str, fence: int) -> None:
        """Ask an attempt to leave a checkpoint and end; it may not even have begun."""
        self._stopped.add((run_id, fence))

    def train(self, assignment: Assignment) -> Outcome:
        """Carry out one attempt. Never raises: what goes wrong is in the outcome."""
        self._latest, self._kept, self._heard = {}, set(), time.monotonic()
        try:
            outcome = self._attempt(assignment)
        except Exception as error:  # noqa: BLE001 - every failure becomes an outcome with its traceback
            outcome = outcome_of(error, self._device, assignment.share)
        return replace(outcome, flops=self._latest.get("flops", 0.0))

    def _attempt(self, assignment: Assignment) -> Outcome:
        artifacts = open_artifacts(assignment.artifacts)
        run = RunConfig.from_dict(assignment.config)
        mirror = WandbMirror(
            _own_folder(assignment.tracking, artifacts.scratch),
            run_id=assignment.run_id,
            group=assignment.sweep,
            config=run.to_dict() | {"tokens": run.tokens} | assignment.facts,
            name=assignment.name,
        )
        try:
            with contextlib.closing(artifacts.log(*assignment.key)) as log:
                log.append({"kind": "attempt", "pid": os.getpid(), "host": platform.node(), "time": time.time()})
                return self._train(run, assignment, artifacts, log, mirror)
        finally:
            # The mirror writes on while the next run trains.
            mirror.send(None)
            self._mirrors = [m for m in self._mirrors if not m.wait(0) or m.note] + [mirror]

    def close(self, seconds: float) -> list[str]:
        """Give the wandb mirrors a moment for their last records; returns what went wrong with them."""
        deadline = time.monotonic() + seconds
        for mirror in self._mirrors:
            mirror.wait(max(0.0, deadline - time.monotonic()))
        return [m.note for m in self._mirrors if m.note]

    def _train(
        self, run: RunConfig, assignment: Assignment, artifacts: Places, log: AttemptLog, mirror: WandbMirror
    ) -> Outcome:
        from model.choice import stored_implementation
        from model.train import train
        from tokenizer.shards import open_shards

        began = time.monotonic()

        def sink(event: dict[str, Any]) -> None:
            self._latest = event
            if event["kind"] == "branch":
                self._kept = self._kept | {event["step"]}  # another thread may be reading it
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
        with contextlib.suppress(OSError):  # the result is safe; leftovers cost nothing but space
            checkpoints.clear()
        return Outcome(Cause.DONE, result=plain, device=self._kind)

    def _keep_to(self, share: float) -> None:
        """Let the run take its part of the GPU's memory and no more: running out is its own fault then."""
        if self._device == "cpu":
            return
        import torch

        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(share, torch.device(self._device))

    def _must_stop(self, assignment: Assignment) -> bool:
        return assignment.key in self._stopped or time.monotonic() - self._heard > assignment.lease_seconds


def final_event(result: RunResult) -> dict[str, Any]:
    """The last that wandb hears of a run: its loss in the summary too, under the name that `fit --wandb` reads."""
    shown = {"validation_loss": result.loss, "bits_per_byte": result.bits_per_byte}
    return shown | {"tokens": result.tokens, "flops": result.flops, "summary": {"loss": result.loss}}


def outcome_of(error: Exception, device: str, share: float = 1.0) -> Outcome:
    """What the exception that ended an attempt says about its run, which had a `share` of the device."""
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
        case OSError() if error.errno in FULL:
            return Outcome(Cause.DISK_FULL, detail=str(error))
        case MemoryError():
            # On a GPU the model has already halved its micro-batches down to one sequence: alone on it nothing helps.
            last = device != "cpu" and share == 1.0
            return Outcome(Cause.OUT_OF_MEMORY, detail=str(error), micro_batch=1 if last else None)
        case RuntimeError() if "DefaultCPUAllocator" in str(error):
            return Outcome(Cause.OUT_OF_MEMORY, detail=str(error))
    return Outcome(Cause.CODE, detail=trace)


def _own_folder(tracking: Tracking, scratch: Path | None) -> Tracking:
    """With artifacts elsewhere, the driver's folders are not this machine's."""
    return tracking if scratch is None else replace(tracking, folder=str(scratch))


def check_modules(package_root: str) -> None:
    """Make sure that `model` and the others are ours, not a file of the user's that shadows them.

    Raises ForeignModule.
    """
    for name in ("analysis", "model", "orchestrator", "sweeps", "tokenizer"):
        found = Path(importlib.import_module(name).__file__ or "").resolve().parent.parent
        if found != Path(package_root).resolve():
            raise ForeignModule(f"the module {name!r} was imported from {found}, not from {package_root}")

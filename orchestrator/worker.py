"""What runs on a node: one warm process that fetches, trains and reports, one run after the other."""

from __future__ import annotations

import importlib
import os
import platform
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.config import RunConfig
from model.hardware import kind_name
from orchestrator.eventlog import EventLog, attempt_log
from orchestrator.states import Cause
from orchestrator.store import Outcome
from orchestrator.tracking import Tracking, WandbMirror

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


class ForeignModule(RuntimeError):
    """A module of the user's has taken the place of one of ours."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One attempt of one run, as handed to a worker."""

    run_id: str
    fence: int
    config: dict[str, Any]
    dataset: str
    """Folder of the token shards."""
    runs: str
    """Folder of event logs and checkpoints."""
    sweep: str
    name: str
    tracking: Tracking


class Worker:
    """Trains assignments. `train` blocks; `progress` and `stop` may be called from another thread meanwhile."""

    def __init__(self, device: str, core: int | None, package_root: str) -> None:
        check_modules(package_root)
        if core is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {core})
        import torch

        torch.set_num_threads(1)
        importlib.import_module("model.train")
        self._device = device
        self._stop = threading.Event()
        self._latest: dict[str, Any] = {}
        self._mirrors: list[WandbMirror] = []

    def ready(self) -> int:
        """Answer once the process has imported everything; returns its process id."""
        return os.getpid()

    def progress(self) -> dict[str, Any]:
        """The latest event of the run in training."""
        return self._latest

    def stop(self) -> None:
        """Ask the run in training to leave a checkpoint and end."""
        self._stop.set()

    def train(self, assignment: Assignment) -> Outcome:
        """Carry out one attempt. Never raises: what goes wrong is in the outcome."""
        self._latest = {}
        log = EventLog(attempt_log(Path(assignment.runs), assignment.run_id, assignment.fence))
        run = RunConfig.from_dict(assignment.config)
        mirror = WandbMirror(
            assignment.tracking,
            run_id=assignment.run_id,
            group=assignment.sweep,
            config=run.to_dict() | {"tokens": run.tokens},
            name=assignment.name,
        )
        try:
            log.append({"kind": "attempt", "pid": os.getpid(), "host": platform.node(), "time": time.time()})
            return self._train(run, assignment, log, mirror)
        except Exception:  # noqa: BLE001 - every failure becomes an outcome with its traceback
            return Outcome(Cause.CODE, detail=traceback.format_exc())
        finally:
            # The mirror writes on while the next run trains.
            mirror.send(None)
            self._mirrors = [m for m in self._mirrors if not m.wait(0) or m.note] + [mirror]
            log.close()

    def close(self, seconds: float) -> list[str]:
        """Give the wandb mirrors a moment for their last records; returns what went wrong with them."""
        deadline = time.monotonic() + seconds
        for mirror in self._mirrors:
            mirror.wait(max(0.0, deadline - time.monotonic()))
        return [m.note for m in self._mirrors if m.note]

    def _train(self, run: RunConfig, assignment: Assignment, log: EventLog, mirror: WandbMirror) -> Outcome:
        from model.checkpoint import Checkpoints
        from model.choice import stored_implementation
        from model.train import Diverged, Interrupted, train
        from tokenizer.shards import open_shards

        def sink(event: dict[str, Any]) -> None:
            self._latest = event
            log.append(event)
            mirror.send(event)

        checkpoints = Checkpoints(Path(assignment.runs) / assignment.run_id / "checkpoints")
        try:
            data = open_shards(Path(assignment.dataset))
            chosen = stored_implementation(run, self._device, Path(assignment.runs).parent / "implementations")
            result = train(
                run, data, sink, checkpoints, device=self._device, stop=self._stop.is_set, implementation=chosen
            )
        except Diverged as error:
            return Outcome(Cause.DIVERGED, detail=str(error))
        except Interrupted as error:
            return Outcome(Cause.PREEMPTED, detail=str(error))
        except MemoryError as error:
            return Outcome(Cause.OUT_OF_MEMORY, detail=str(error))
        plain = result.to_dict()
        mirror.send({"validation_loss": result.loss, "bits_per_byte": result.bits_per_byte, "tokens": result.tokens})
        log.append({"kind": "result", "result": plain, "device": kind_name(self._device)})
        checkpoints.clear()
        return Outcome(Cause.DONE, result=plain, device=kind_name(self._device))


def check_modules(package_root: str) -> None:
    """Make sure that `model` and the others are ours, not a file of the user's that shadows them.

    Raises ForeignModule.
    """
    for name in ("analysis", "model", "orchestrator", "sweeps", "tokenizer"):
        found = Path(importlib.import_module(name).__file__ or "").resolve().parent.parent
        if found != Path(package_root).resolve():
            raise ForeignModule(f"the module {name!r} was imported from {found}, not from {package_root}")

"""One attempt in a worker: its run, data, log, wandb mirror, checkpoints and progress, and what became of it."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from model.config import RunConfig
from orchestrator.attempts import Assignment, Outcome, RunProgress, Tracking
from orchestrator.cluster.artifact_store import open_artifacts
from orchestrator.cluster.attempt_log import Event
from orchestrator.errors import ArtifactsAway
from orchestrator.states import Cause
from orchestrator.tracking.wandb_mirror import WandbMirror

if TYPE_CHECKING:
    from model.scoring import RunResult
    from model.stacked.train import Ended, Member


class Attempt:
    """What a worker has open for one attempt."""

    def __init__(self, assignment: Assignment, note: Callable[[RunProgress], None]) -> None:
        """Open the attempt's log and its wandb mirror; `note` gets the progress of each event."""
        self.assignment = assignment
        self.artifacts = open_artifacts(assignment.artifacts)
        self.run = RunConfig.from_dict(assignment.config)
        self.progress = RunProgress()
        """How far the run is, by its latest event."""
        self._note = note
        self._began = time.monotonic()
        self.mirror = WandbMirror(
            _own_folder(assignment.tracking, self.artifacts.scratch),
            run_id=assignment.run_id,
            group=assignment.sweep,
            config={**self.run.to_dict(), "tokens": self.run.tokens, **assignment.facts},
            name=assignment.name,
        )
        try:
            self._log = self.artifacts.log(*assignment.key)
        except BaseException:
            self.mirror.send(None)
            raise
        self._log.append({"kind": "attempt", "pid": os.getpid(), "host": platform.node(), "time": time.time()})
        self.checkpoints = self.artifacts.checkpoints(assignment.run_id, assignment.checkpoints)

    def sink(self, event: Event) -> None:
        """Note the event's progress, and pass the event to the log and to the mirror."""
        kept = self.progress.kept | ({event["step"]} if event["kind"] == "branch" else set())
        self.progress = RunProgress.of(event, kept)
        self._note(self.progress)
        self._log.append(event | {"elapsed": round(time.monotonic() - self._began, 3)})
        self.mirror.send(event)

    def member(self, ended: Ended, stop: Callable[[], bool]) -> Member:
        """The run with its data, as training takes it. Raises ShardError, ArtifactsAway."""
        from model.stacked.train import Member
        from tokenizer.shards import open_shards

        given = self.assignment
        return Member(
            self.run,
            open_shards(self.artifacts.dataset(given.config["dataset"])),
            self.sink,
            ended,
            self.checkpoints,
            self.artifacts.trunk(given.trunk, given.points) if given.trunk else None,
            stop,
            checkpoint_seconds=given.checkpoint_seconds,
        )

    def done(self, result: RunResult, device: str, startup: float) -> Outcome:
        """Log a result, which makes it safe, and clear the checkpoints; the run's start took `startup` seconds."""
        plain = result.to_dict()
        if not result.resumed_from_step:
            plain["startup_seconds"] = max(0.0, startup)
        self.mirror.send(final_event(result))
        self._log.append({"kind": "result", "result": plain, "device": device})
        with contextlib.suppress(OSError, ArtifactsAway):  # the result is safe; leftovers only take space
            self.checkpoints.clear()
        return Outcome(Cause.DONE, result=plain, device=device)

    def close(self) -> None:
        """Close the log; the mirror goes on writing while the next run trains."""
        self._log.close()
        self.mirror.send(None)


def final_event(result: RunResult) -> Event:
    """The last event of a run for wandb; its summary has the loss by the name that `fit --wandb` reads."""
    shown = {"validation_loss": result.loss, "bits_per_byte": result.bits_per_byte}
    summary = {"loss": result.loss}
    for name, score in result.sets.items():
        summary |= {f"loss.{name}": score.loss, f"bits_per_byte.{name}": score.bits_per_byte}
    return shown | {"tokens": result.tokens, "flops": result.flops, "summary": summary}


def _own_folder(tracking: Tracking, scratch: Path | None) -> Tracking:
    """Where the mirror writes on this machine: if artifacts are copied, the driver's folders are another machine's."""
    return tracking if scratch is None else replace(tracking, folder=str(scratch))

"""Sends a run's progress to a sink, and saves its states, each at its own interval."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any, NoReturn

from model.checkpoint import Checkpoints
from model.endings import Interrupted
from model.scoring import RunResult
from model.training import Training
from model.trunk import Trunk

Sink = Callable[[dict[str, Any]], None]
"""Receives events: JSON-ready records with `kind` start | progress | checkpoint | branch | evaluation | end."""


def silent(event: dict[str, Any]) -> None:
    """The sink of processes that do not lead."""


class Reporter:
    """Sends a run's progress to the sink and saves its states, each at its own interval of seconds."""

    def __init__(
        self,
        training: Training,
        sink: Sink,
        checkpoints: Checkpoints | None,
        trunk: Trunk | None,
        progress_seconds: float,
        checkpoint_seconds: float,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Begin to count the run's seconds by `clock`. Without checkpoints or a trunk nothing is saved there."""
        self.training = training
        self.sink = sink
        self.checkpoints = checkpoints
        self.trunk = trunk
        self.progress_seconds, self.checkpoint_seconds = progress_seconds, checkpoint_seconds
        self._clock, self._began = clock, clock()
        self._reported = self._saved = time.perf_counter()
        self._reported_step, self._seconds_before = training.step, training.seconds
        self._reported_tokens = training.position().tokens

    def start(self, resumed: int, replaced: str) -> None:
        """Send where this attempt begins, how it is computed, and why not as it was to be."""
        training = self.training
        self.send(
            "start",
            resumed_from_step=resumed,
            branched_from_step=training.branched_from,
            ignored_checkpoint=training.ignored_checkpoint,
            replaced_implementation=replaced or None,
            run=training.run.to_dict(),
            implementation=training.computation().to_dict(),
        )

    def send(self, kind: str, **more: Any) -> None:
        """Send one event with the run's position."""
        self.sink({"kind": kind, **dataclasses.asdict(self.training.position()), **more})

    def update_seconds(self) -> None:
        """Update the run's seconds."""
        self.training.seconds = self._seconds_before + self._clock() - self._began

    def after_step(self) -> None:
        """Report and save what is due."""
        self.update_seconds()
        now, step = time.perf_counter(), self.training.step
        if self.trunk is not None and self.training.keep_branch(self.trunk):
            self.send("branch")
        if now - self._reported >= self.progress_seconds:
            # A run's last step may be partial: tokens are counted, not steps.
            tokens, seconds = self.training.position().tokens, now - self._reported
            recent = self.training.recent(step - self._reported_step)
            self.send("progress", **recent, tokens_per_second=(tokens - self._reported_tokens) / seconds)
            self._reported, self._reported_step, self._reported_tokens = now, step, tokens
        if now - self._saved >= self.checkpoint_seconds:
            self.save()
            self._saved = time.perf_counter()

    def save(self) -> None:
        """Write a checkpoint if there is a folder for it."""
        if self.checkpoints is not None:
            self.checkpoints.save(self.training.step, self.training.state())
            self.send("checkpoint")

    def interrupt(self) -> NoReturn:
        """Leave a checkpoint and end the run before its time. Raises Interrupted."""
        self.save()
        raise Interrupted(f"stopped at step {self.training.step} of {self.training.run.train.steps}")

    def finish(self, result: RunResult) -> None:
        """Keep the weights of a run that was scored, and send its result."""
        training = self.training
        if self.checkpoints is not None:
            self.checkpoints.save_final({"run": training.run.to_dict(), "model": training.model.state_dict()})
        self.send("evaluation", validation_loss=result.loss)
        self.send("end", result=result.to_dict())

"""How far along a sweep is: counts of runs, FLOPs spent and planned, time left. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from analysis.wording import join_words
from orchestrator.attempts import RunProgress
from orchestrator.scheduling.durations import Durations
from orchestrator.states import RunState, SweepState, sweep_state
from orchestrator.store import RunRecord, SweepRecord


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run in training."""

    run_id: str
    """Identity of the run."""
    shape: str
    """Such as `L4 d48 h2 ff128`."""
    budget: float
    """Training FLOPs."""
    fraction: float
    """Fraction of its tokens that it has seen."""
    loss: float | None
    """Latest training loss, nats per token."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a sweep at a moment."""

    total: int
    """All runs."""
    queued: int
    """Runs that wait for a worker."""
    done: int
    """Runs that have shown what they were trained to show."""
    failed: int
    """Runs that failed or diverged; a check of the recipe that diverged is done."""
    running: tuple[LiveRun, ...]
    """Runs in training."""
    flops_planned: float
    """Training FLOPs of all runs."""
    flops_spent: float
    """Training FLOPs of finished runs, and of what runs in training have done so far."""
    seconds_left: float | None
    """Predicted seconds until all runs are finished; None if nothing predicts them."""
    cancelled: int = 0
    """Runs that were cancelled."""
    state: SweepState = SweepState.QUEUED
    """The sweep's state in a word."""
    held: str = ""
    """Paused or cancelled, with the reason; empty while the sweep may train."""
    waits: str = ""
    """What a sweep that may train waits for, such as a kind of device that no worker has; empty for nothing."""

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.done + self.failed + self.cancelled == self.total


def progress_of(
    runs: Sequence[RunRecord], live: Mapping[str, RunProgress], workers: int, sweep: SweepRecord | None = None
) -> Progress:
    """Progress of a sweep's runs on this many workers.

    Args:
        runs: the runs.
        live: how far each run in training is, by its id.
        workers: number of workers.
        sweep: the sweep, which may be held or wait for something; None if nothing holds it up.
    """
    held, waits = (sweep.on_hold, sweep.waits) if sweep else ("", "")
    running = tuple(_live(r, live.get(r.id, RunProgress())) for r in runs if r.state is RunState.RUNNING)
    fraction = {r.run_id: r.fraction for r in running}
    done = [r for r in runs if r.answered]
    queued = sum(r.state is RunState.QUEUED for r in runs)
    state = sweep_state(
        sweep.held if sweep else None, total=len(runs), answered=len(done), queued=queued, running=len(running)
    )
    return Progress(
        total=len(runs),
        queued=queued,
        done=len(done),
        failed=sum(r.state in (RunState.FAILED, RunState.DIVERGED) and not r.answered for r in runs),
        running=running,
        flops_planned=sum(r.flops for r in runs),
        flops_spent=sum(r.flops for r in done) + sum(r.flops * fraction.get(r.id, 0.0) for r in runs),
        seconds_left=_seconds_left(runs, fraction, workers),
        cancelled=sum(r.state is RunState.CANCELLED for r in runs),
        state=state,
        held=held,
        waits=waits,
    )


def progress_json(progress: Progress) -> dict[str, Any]:
    """The progress as a service answers it."""
    return asdict(progress) | {"finished": progress.finished}


def progress_from_json(data: Mapping[str, Any]) -> Progress:
    """The progress in a service's answer."""
    values = {f.name: data[f.name] for f in fields(Progress)}
    running = tuple(LiveRun(**r) for r in data["running"])
    return Progress(**values | {"running": running, "state": SweepState(data["state"])})


def _live(run: RunRecord, progress: RunProgress) -> LiveRun:
    """A run in training with how far it is."""
    cell = run.cell
    if cell is None:
        return LiveRun(run.id, run.id, run.flops, 0.0, progress.loss)
    fraction = min(1.0, progress.tokens / cell.tokens) if cell.tokens else 0.0
    return LiveRun(run.id, cell.shape, cell.budget, fraction, progress.loss)


def _seconds_left(runs: Sequence[RunRecord], fraction: Mapping[str, float], workers: int) -> float | None:
    """Predicted seconds until all runs are finished, corrected by those that are; None if nothing predicts them."""
    durations = Durations.of(r for r in runs if r.state is RunState.DONE)
    left = []
    for run in runs:
        if not run.state.terminal:
            predicted = durations.seconds(run)
            if predicted is None:
                return None
            left.append(predicted * (1 - fraction.get(run.id, 0.0)))
    return max(sum(left) / max(workers, 1), max(left, default=0.0))


def mixed_devices(runs: Sequence[RunRecord]) -> list[str]:
    """A warning if runs were trained on several kinds of device, whose arithmetic differs."""
    kinds = Counter(r.device for r in runs if r.device)
    named = join_words(f"{count} on {kind}" for kind, count in kinds.most_common())
    return [f"runs were trained on several kinds of device: {named}"] if len(kinds) > 1 else []

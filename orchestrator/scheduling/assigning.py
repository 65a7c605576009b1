"""What a worker is handed of a claimed run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.attempts import Assignment, Outcome, Report, Tracking
from orchestrator.cluster.artifact_store import ArtifactStore
from orchestrator.scheduling.durations import checkpoint_interval, params_of
from orchestrator.scheduling.job import Job
from orchestrator.scheduling.queue import Queue
from orchestrator.states import Cause
from orchestrator.store import RunRecord


@dataclass(frozen=True, slots=True)
class Assigning:
    """Makes assignments of claimed runs."""

    queue: Queue
    """Knows their trunks, and how often attempts were lost."""
    artifacts: ArtifactStore
    """Where workers find data and leave checkpoints."""
    tracking: Tracking
    """Where the wandb mirror writes."""
    checkpoint_seconds: float | None = None
    """Training seconds between two checkpoints; None chooses what loses least."""
    stacked: int = 0
    """Runs that are computed as one, whatever is faster; 0 leaves it to what is measured."""

    def together(
        self, worker: str, jobs: Sequence[Job], at_work: Sequence[Job] = ()
    ) -> tuple[list[Assignment], list[Report]]:
        """What a worker is handed of claimed runs, of several as a stack, and the ends of those that cannot be handed
        out: these fail, and the others go on. They enter the stack of the runs that are `at_work` there, if any are."""
        made: list[Assignment] = []
        failed: list[Report] = []
        for job in jobs:
            try:
                made.append(self.of(job))
            except Exception as error:  # noqa: BLE001 - whatever is wrong with a stored run, it is this run's fault
                outcome = Outcome(Cause.CONFIGURATION, detail=f"the run as stored cannot be handed out: {error!r}")
                failed.append(Report(worker, job.run.id, job.fence, outcome))
        runs = [*(job.run.id for job in at_work), *(each.run_id for each in made)]
        stack = tuple(runs) if len(runs) > 1 else ()
        for job in (*at_work, *jobs):
            job.stack = stack
            job.share_with(max(len(stack), 1))
        return [replace(each, stack=stack, enters=bool(at_work)) for each in made], failed

    def of(self, job: Job) -> Assignment:
        """The assignment of a claimed run; any exception is of this run alone."""
        cell, run = job.run.cell, job.run
        return Assignment(
            run_id=run.id,
            fence=job.fence,
            config=run.config,
            artifacts=self.artifacts.url,
            sweep=f"{job.sweep.name}@{job.sweep.revision[:8]}",
            name=f"n{cell.params}_c{run.flops:.3g}_s{cell.seed}" if cell else run.id,
            facts=run_facts(run),
            tracking=self.tracking,
            checkpoints=run.checkpoints,
            checkpoint_seconds=self.checkpoint_seconds or checkpoint_interval(params_of(run), self.queue.lost_attempts),
            micro_batch=run.micro_batch,
            trunk=self.queue.trunk(run.id),
            points=self.queue.points(run.id),
            share=job.share,
            of_device=job.of_device,
            stacked=self.stacked,
        )


def run_facts(run: RunRecord) -> dict[str, Any]:
    """What wandb records of a run in addition to its configuration, by the names that `fit --wandb` reads."""
    named = ("params", "budget", "shape", "seed", "recipe", "vary")
    return ({name: getattr(run.cell, name) for name in named} if run.cell else {}) | {"role": run.role}

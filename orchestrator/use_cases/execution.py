"""Execution: a scheduler and its workers train what is submitted; says how far along a sweep is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping

from analysis.wording import plural
from orchestrator.attempts import RunProgress
from orchestrator.cluster.cluster import Cluster
from orchestrator.cluster.head_watch import HeadLost
from orchestrator.cluster.private_folder import check_temporary_folder
from orchestrator.cluster.ray_environment import put_service_first, secrets_of
from orchestrator.scheduling.driver import AlreadyScheduling, check_free, scheduler_lock
from orchestrator.scheduling.progress import Progress, progress_of
from orchestrator.scheduling.scheduler import Scheduler
from orchestrator.settings import choose_device, device_count, worker_count
from orchestrator.store import SweepRecord
from orchestrator.tracking.wandb_mirror import asked_mode
from orchestrator.use_cases.shares import gpu_shares
from orchestrator.use_cases.submission import datasets_of, publish
from orchestrator.use_cases.workspace import Workspace
from tokenizer.errors import ExpectedError

DRAIN_SECONDS = 15.0
"""Seconds that running attempts get to leave a checkpoint."""


class Execution:
    """Trains the sweeps of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        """The sweeps of this workspace are trained."""
        self._workspace = workspace

    def check_free(self) -> None:
        """Make sure that nothing keeps this process from scheduling this home's runs.

        Raises:
            AlreadyScheduling, FolderError, SettingsError.
        """
        check_temporary_folder()
        check_free(self._workspace.home.lock)
        asked_mode()

    def served(self) -> bool:
        """Whether a service schedules this home's runs, which trains whatever is submitted."""
        try:
            check_free(self._workspace.home.lock)
        except AlreadyScheduling as error:
            return error.serves
        return False

    @contextlib.contextmanager
    def scheduling(self, device: str, *, serves: bool = False) -> Iterator[Scheduler]:
        """A scheduler with its workers, the only one in this home; at the end, everything that it started is ended.

        `serves` says that it will train whatever is submitted, so that `run` may submit to it.

        Raises:
            AlreadyScheduling, FolderError, ClusterError, HeadLost.
        """
        workspace, settings = self._workspace, self._workspace.settings
        if serves:
            put_service_first(os.environ)
        with scheduler_lock(workspace.home.lock, serves=serves):
            shares, tracking = gpu_shares(workspace, device), workspace.tracking
            workers = worker_count(settings, device, shares)
            online, stored = tracking.mode == "online", bool(settings.artifacts_url)
            cluster = Cluster(
                workers=workers,
                device=device,
                token=workspace.home.ray_token,
                hidden=secrets_of(os.environ, wandb=online, store=stored),
                address=settings.ray_address,
                shares=shares,
                head_seconds=settings.head_seconds,
            )
            scheduler = Scheduler(
                workspace.store,
                cluster,
                workspace.artifacts,
                tracking,
                ceilings=settings.ceilings,
                checkpoint_seconds=settings.checkpoint_seconds,
                stacked=settings.stacked,
                by_memory=settings.gpu_shares is not None,
                shares=shares,
            )
            try:
                workspace.say(f"starting {plural(workers, 'worker')}")
                scheduler.take_over()
                yield scheduler
                scheduler.drain(DRAIN_SECONDS)
            except KeyboardInterrupt:
                workspace.say("stopping: each run in training leaves a checkpoint")
                scheduler.drain(DRAIN_SECONDS)
                raise
            except HeadLost:
                scheduler.drain(DRAIN_SECONDS)  # workers can be reached without a head
                raise
            finally:
                cluster.close()
                scheduler.finish()

    def execute(
        self,
        sweep: SweepRecord,
        device: str,
        observe: Callable[[Progress], None],
        more: Callable[[], bool] = lambda: False,
    ) -> None:
        """Train what is left of a sweep in this process; returns when nothing is left.

        Args:
            sweep: the sweep.
            device: torch device of the workers.
            observe: takes the progress, again and again.
            more: called when all of its runs have ended, and while some of an adaptive sweep still train; says whether
                it has given the sweep further ones.

        Raises:
            AlreadyScheduling, ClusterError, HeadLost, and what `more` raises.
        """
        if self.progress(sweep).ended and not more():
            return
        with self.scheduling(device) as scheduler:
            publish(self._workspace, datasets_of(self._workspace, sweep))
            training = True
            while training:
                scheduler.follow(sweep.id)
                scheduler.run(self._looking(sweep, observe, more))
                training = more()
        observe(self.progress(sweep))

    def _looking(
        self, sweep: SweepRecord, observe: Callable[[Progress], None], more: Callable[[], bool]
    ) -> Callable[[Mapping[str, RunProgress]], None]:
        """What looks at a sweep in training: a round whose own runs have ended is followed by the next at once.

        What keeps the next from being decided is said once nothing trains any more.
        """
        seen = -1

        def look(live: Mapping[str, RunProgress]) -> None:
            nonlocal seen
            progress = self.progress(sweep, live)
            observe(progress)
            ended = progress.total - progress.queued - len(progress.running)
            if progress.deciding and ended not in (seen, progress.total):
                seen = ended
                with contextlib.suppress(ExpectedError):
                    more()

        return look

    def publish_queued(self) -> None:
        """Make the datasets of all sweeps with queued runs available to the workers."""
        for sweep in self._workspace.store.sweeps_with_queued():
            publish(self._workspace, datasets_of(self._workspace, sweep))

    def progress(self, sweep: SweepRecord, live: Mapping[str, RunProgress] | None = None) -> Progress:
        """How far a sweep is; `live` says how far each run in training is, by the run's id."""
        store = self._workspace.store
        devices = device_count(self._workspace.settings, choose_device("auto"))
        stored = store.sweep_by_id(sweep.id)
        return progress_of(store.runs_of(sweep.id), live or {}, devices, stored)

"""The service's scheduler: a thread that trains whatever is submitted, and tells how far it is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from orchestrator.attempts import RunProgress
from orchestrator.cluster.head_watch import HeadLost
from orchestrator.scheduling.progress import Progress
from orchestrator.scheduling.scheduler import Scheduler
from orchestrator.store import SweepRecord
from orchestrator.use_cases.execution import Execution

log = logging.getLogger("isoflop.background")


class Background:
    """One scheduler thread; it alone writes runs while the service lives.

    `when_lost` is called when it ends because Ray's head is gone.
    """

    def __init__(
        self, execution: Execution, scheduler: Scheduler | None = None, when_lost: Callable[[], None] = lambda: None
    ) -> None:
        self._execution = execution
        self._scheduler = scheduler
        self._when_lost = when_lost
        self._live: dict[str, RunProgress] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="scheduler", daemon=True)
        self.error: Exception | None = None
        """Why the scheduler ended, if it did not end on request."""

    def start(self) -> None:
        """Begin; unfinished sweeps of earlier lives go on by themselves."""
        if self._scheduler is None:
            return
        self._execution.publish_queued()
        self._scheduler.follow()
        self._thread.start()

    def stop(self) -> None:
        """Hand out no more; what is in training is the caller's to drain."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def ready(self) -> bool:
        """Whether the scheduler is at work."""
        return self._thread.is_alive()

    def progress(self, sweep: SweepRecord) -> Progress:
        """How far a sweep is, live."""
        return self._execution.progress(sweep, self._live)

    def _work(self) -> None:
        assert self._scheduler is not None
        try:
            while not self._stop.is_set():
                self._scheduler.step()
                self._live = self._scheduler.live()
        except HeadLost as error:
            self.error = error
            self._when_lost()
        except Exception as error:
            self.error = error
            log.exception("the scheduler ended")

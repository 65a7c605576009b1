"""The service's scheduler: a thread that trains whatever is submitted, and knows how far along each sweep is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from orchestrator.attempts import RunProgress, Staff
from orchestrator.cluster.head_watch import HeadLost
from orchestrator.scheduling.scheduler import Scheduler
from orchestrator.use_cases.execution import Execution
from tokenizer.errors import ExpectedError

ADVANCE_SECONDS = 1.0
"""Pause between two looks at adaptive sweeps."""
PATIENCE_SECONDS = 10.0
"""Pause after a look that failed."""

log = logging.getLogger("isoflop.background")


class Background:
    """The one scheduler thread of a service: nothing else writes runs as long as the service is up."""

    def __init__(
        self,
        execution: Execution,
        scheduler: Scheduler | None = None,
        when_lost: Callable[[], None] = lambda: None,
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare the thread; `start` starts it.

        Args:
            execution: reads how far sweeps are, and publishes their data.
            scheduler: trains; without one nothing is trained, and the thread never starts.
            when_lost: called when the thread ends because Ray's head is gone.
            advance: decides the next rounds of adaptive sweeps; called again and again, in a thread of its own.
        """
        self._execution = execution
        self._scheduler = scheduler
        self._when_lost = when_lost
        self._advance = advance
        self._deciding = threading.Thread(target=self._decide, name="rounds", daemon=True)
        self._live: dict[str, RunProgress] = {}
        self._staff = Staff(0, 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="scheduler", daemon=True)
        self.error: Exception | None = None
        """Why the scheduler ended, unless it was asked to end."""

    def start(self) -> None:
        """Start to train; unfinished sweeps of an earlier service continue by themselves."""
        if self._scheduler is None:
            return
        self._execution.publish_queued()
        self._scheduler.follow()
        self._thread.start()
        self._deciding.start()

    def stop(self) -> None:
        """Hand out no more runs; the caller drains those in training."""
        self._stop.set()
        for thread in (self._thread, self._deciding):
            if thread.is_alive():
                thread.join()

    @property
    def ready(self) -> bool:
        """Whether the scheduler is running."""
        return self._thread.is_alive()

    @property
    def live(self) -> Mapping[str, RunProgress]:
        """How far each run in training is, by its id."""
        return self._live

    @property
    def staff(self) -> Staff:
        """Who worked at the last step; nobody without a scheduler."""
        return self._staff if self.ready else Staff(0, 0)

    def _decide(self) -> None:
        """The other thread: adaptive sweeps get their next rounds until the service stops, or its scheduler ends."""
        pause = 0.0
        while not self._stop.wait(pause) and self.ready:
            pause = ADVANCE_SECONDS
            try:
                self._advance()
            except Exception:
                log.exception("adaptive sweeps could not be decided on, and are looked at again")
                pause = PATIENCE_SECONDS

    def _work(self) -> None:
        """The thread: step by step until it is stopped, or until something fails, which `error` then is."""
        assert self._scheduler is not None
        try:
            while not self._stop.is_set():
                self._scheduler.step()
                self._live = self._scheduler.live()
                self._staff = self._scheduler.staff()
        except ExpectedError as error:
            self.error = error
            log.error("the scheduler ended: %s", error)
            if isinstance(error, HeadLost):
                self._when_lost()
        except Exception as error:
            self.error = error
            log.exception("the scheduler ended")

"""Processes that compute beside a service, in turn for those who ask: nobody holds up its own process, or another."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, TypeVar

from orchestrator.use_cases.bench import Bench, WorkshopError
from tokenizer.errors import ExpectedError

PROCESSES = 2
"""Computations at a time."""
LONGEST_SECONDS = 180.0
"""After which a computation is ended."""
MOST_PENDING = 100
"""Computations that one user may wait for."""
PLANNERS = 4
"""Sweep files that are planned at a time."""
PLAN_SECONDS = 900.0
"""After which planning is ended, its corpus's preparation included, which goes on there when it is asked for again."""
MOST_PLANS = 8
"""Sweep files that are planned, or wait for it, for one user."""
Value = TypeVar("Value")

asking: ContextVar[str] = ContextVar("asking", default="")
"""Who asks for what is computed; empty for the service itself."""


class TooManyJobs(ExpectedError, RuntimeError):
    """Somebody waits for as many computations as one user may."""

    kind = "too-many"


class Job(Future[Any]):
    """A computation that waits for a process, or is carried out by one."""

    def __init__(
        self, user: str, function: Callable[..., Any], arguments: tuple[Any, ...], *, rested: bool = False
    ) -> None:
        """Carry out `function(*arguments)` for a user; `rested` takes the process that has rested longest."""
        super().__init__()
        self.user = user
        """Who asked for it."""
        self.rested = rested
        """Whether the process that has rested longest carries it out, instead of the one used last."""
        self.function = function
        """What is carried out."""
        self.arguments = arguments
        """Its arguments."""
        self.bench: Bench | None = None
        """What carries it out; None before and after."""
        self.lock = threading.Lock()
        """Held while `bench` changes, so that no other's process is ended."""

    def cancel(self) -> bool:
        """Cancel what waits, and end the process of what is being carried out; whether it waited."""
        if super().cancel():
            return True
        with self.lock:
            if self.bench is not None:
                self.bench.end()
        return False


class Workshop(Executor):
    """Carries out functions of modules in processes of its own, which start when there is something to do.

    Users take turns, however much one of them asks for.
    """

    def __init__(
        self,
        processes: int = PROCESSES,
        seconds: float = LONGEST_SECONDS,
        most: int = MOST_PENDING,
        at_a_time: int | None = None,
    ) -> None:
        """Prepare so many processes.

        Args:
            processes: computations at a time.
            seconds: after which one is ended.
            most: computations of one user that may wait or be under way; a further one is refused.
            at_a_time: computations of one user that may be under way; None for as many as there are processes.
        """
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="workshop")
        self._seconds = seconds
        self._most = most
        self._at_a_time = at_a_time or processes
        self._all = [Bench() for _ in range(processes)]
        self._idle = list(self._all)
        self._lock = threading.Lock()
        self._ended = False
        self._waiting: dict[str, deque[Job]] = {}
        self._pending: Counter[str] = Counter()
        self._under_way: Counter[str] = Counter()

    def submit(self, fn: Callable[..., Value], /, *args: Any, **kwargs: Any) -> Future[Value]:
        """Carry out `fn(*args)` for whoever is `asking`; function, arguments and result travel between processes.

        Raises TooManyJobs, and WorkshopError once the service ends.
        """
        return self.carry_out(fn, *args)

    def carry_out(self, function: Callable[..., Value], /, *arguments: Any, rested: bool = False) -> Future[Value]:
        """`submit`; where `rested` is set, by the process that has rested longest instead of the one used last."""
        job = Job(asking.get(), function, arguments, rested=rested)
        with self._lock:
            if self._pending[job.user] >= self._most:
                raise TooManyJobs(
                    f"{self._most} computations wait or are under way for {job.user or 'the service'}, as many as one "
                    "user may have: wait until one has ended, and ask again"
                )
            if self._ended:
                raise WorkshopError("the service is ending")
            self._threads.submit(self._carry_out_all)
            self._pending[job.user] += 1
            self._waiting.setdefault(job.user, deque()).append(job)
        job.add_done_callback(self._forget)
        return job

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """End all processes at once, and with them what they compute."""
        with self._lock:
            self._ended = True
            left = [job for jobs in self._waiting.values() for job in jobs]
            self._waiting.clear()
        for job in left:
            if job.set_running_or_notify_cancel():
                job.set_exception(WorkshopError("the service is ending"))
        self._threads.shutdown(wait=False, cancel_futures=cancel_futures)
        for bench in self._all:
            bench.close()
        self._threads.shutdown(wait=wait)

    def _carry_out_all(self) -> None:
        """Carry out one computation after the other, until no further one may begin."""
        while (taken := self._take()) is not None:
            job, bench = taken
            try:
                if job.set_running_or_notify_cancel():
                    self._carry_out(job, bench)
            finally:
                with self._lock:
                    self._idle.append(bench)
                    self._under_way[job.user] -= 1

    def _take(self) -> tuple[Job, Bench] | None:
        """The longest waiting computation of the user who has waited longest for a turn, and a process for it."""
        with self._lock:
            user = next((each for each in self._waiting if self._under_way[each] < self._at_a_time), None)
            if user is None:
                return None
            jobs = self._waiting.pop(user)
            job = jobs.popleft()
            if jobs:
                self._waiting[user] = jobs  # behind all others
            self._under_way[user] += 1
            return job, self._idle.pop(0 if job.rested else -1)

    def _carry_out(self, job: Job, bench: Bench) -> None:
        """Carry out a computation; its error is the job's."""
        with job.lock:
            job.bench = bench
        try:
            made, failed = bench.carry_out(job.function, job.arguments, self._seconds), None
        except Exception as error:  # noqa: BLE001 - raised by the job
            made, failed = None, error
        with job.lock:
            job.bench = None
        if failed is None:
            job.set_result(made)
        else:
            job.set_exception(failed)

    def _forget(self, job: Future[Any]) -> None:
        """Count what is done, or was cancelled, no longer."""
        assert isinstance(job, Job)
        with self._lock:
            self._pending[job.user] -= 1


def planning_workshop() -> Workshop:
    """Processes that plan what a service receives: one of them is always left for others than the busiest user."""
    return Workshop(PLANNERS, PLAN_SECONDS, MOST_PLANS, PLANNERS - 1)

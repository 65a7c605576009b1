"""Where the attempts of a stack wait for each other: the last to come trains all, and each gets its own outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from orchestrator.attempts import Assignment, Outcome

Tell = Callable[[Assignment, Outcome], None]
"""Takes the outcome of an attempt."""


class StackRoom:
    """The attempts that wait in a worker, each in a thread of its own."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, ...], list[tuple[Assignment, Future[Outcome]]]] = {}

    def outcome_of(self, assignment: Assignment, train: Callable[[Sequence[Assignment], Tell], None]) -> Outcome:
        """The outcome of an attempt, once all of its stack are here and `train` has told it."""
        stack = assignment.stack or (assignment.run_id,)
        own: Future[Outcome] = Future()
        with self._lock:
            here = self._waiting.setdefault(stack, [])
            here.append((assignment, own))
            complete = len(here) == len(stack)
            if complete:
                del self._waiting[stack]
        if complete:
            futures = {given.run_id: future for given, future in here}
            train([given for given, _ in here], lambda given, outcome: futures[given.run_id].set_result(outcome))
        return own.result()

"""Where the attempts of a stack wait for each other, are trained by a thread, and each gets its own outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from orchestrator.attempts import Assignment, Outcome

Tell = Callable[[Assignment, Outcome], None]
"""Takes the outcome of an attempt."""


Train = Callable[[Sequence[Assignment], Tell], None]
"""Trains attempts together, and tells the outcome of each."""


class StackRoom:
    """The attempts in a worker, each in a thread of its own, and the thread that trains them."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._changed = threading.Condition()
        self._waiting: dict[tuple[str, ...], list[Assignment]] = {}
        self._outcomes: dict[str, Future[Outcome]] = {}
        self._entering: list[Assignment] = []
        """Attempts that are to enter the stack in training."""
        self._trainer: threading.Thread | None = None
        """The thread that trains; None while nothing is in training."""

    def outcome_of(self, assignment: Assignment, train: Train) -> Outcome:
        """The outcome of an attempt, once all of its stack are here and `train` has told it.

        One that enters a stack in training waits until the thread asks for those that have `entered`, or has trained
        the others. The last of all returns when the thread is done.
        """
        own: Future[Outcome] = Future()
        with self._changed:
            self._outcomes[assignment.run_id] = own
            self._changed.notify_all()
            if assignment.enters and self._trainer is not None:
                self._entering.append(assignment)
            else:
                self._wait_for_others(assignment, train)
        outcome = own.result()
        with self._changed:
            self._changed.wait_for(lambda: self._outcomes or self._trainer is None)
        return outcome

    def _wait_for_others(self, assignment: Assignment, train: Train) -> None:
        """Begin to train the stack of an attempt if all of it are here; one that comes too late to enter is alone."""
        stack = assignment.stack or (assignment.run_id,)
        here = self._waiting.setdefault(stack, [])
        here.append(assignment)
        if assignment.enters or len(here) == len(stack):
            together = self._waiting.pop(stack)
            self._trainer = threading.Thread(target=self._train, args=(together, train), daemon=True)
            self._trainer.start()

    def entered(self) -> list[Assignment]:
        """The attempts that have come to enter the stack in training since this was asked last."""
        with self._changed:
            entered, self._entering = self._entering, []
        return entered

    def _train(self, together: Sequence[Assignment], train: Train) -> None:
        """Train attempts, and then those that came too late to enter their stack."""
        while together:
            try:
                train(together, self._tell)
            except Exception as error:  # noqa: BLE001 - it belongs to those that have no outcome
                with self._changed:
                    left = [self._outcomes.pop(each.run_id, None) for each in together]
                for own in left:
                    if own is not None:
                        own.set_exception(error)
            with self._changed:
                together, self._entering = self._entering, []
                if not together:
                    self._trainer = None
                    self._changed.notify_all()

    def _tell(self, given: Assignment, outcome: Outcome) -> None:
        """Give an attempt its outcome."""
        with self._changed:
            own = self._outcomes.pop(given.run_id)
        own.set_result(outcome)

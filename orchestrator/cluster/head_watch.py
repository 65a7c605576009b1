"""Notices that Ray's head is gone: Ray itself waits a minute for it and then ends the process without a warning."""

from __future__ import annotations

import time
from collections.abc import Callable

from tokenizer.errors import ExpectedError

LOOK_SECONDS = 2.0
"""Shortest time between two looks at a head that answers."""
ANSWER_SECONDS = 2.0
"""Time that the head gets to answer."""


class HeadLost(ExpectedError, RuntimeError):
    """Ray's head is gone, or has not answered for too long."""

    kind = "head-lost"


class HeadWatch:
    """Checks now and then whether the head answers, and remembers since when it does not.

    `look` returns why it does not answer, or an empty text. The head at `address` may be silent for `patience` seconds;
    after that the error ends with the `remedy`.
    """

    def __init__(
        self,
        address: str,
        patience: float,
        look: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
        remedy: str = "",
    ) -> None:
        """Begin now: the head counts as having answered at this moment."""
        self._address, self._patience, self._remedy = address, patience, remedy
        self._look, self._clock = look, clock
        self._looked = self._answered = clock()
        self._silent = False

    def answers(self, *, now: bool = False) -> bool:
        """Whether the head answered at the last look; `now` looks again however short ago that was.

        Raises HeadLost.
        """
        if not (now or self._silent or self._clock() - self._looked >= LOOK_SECONDS):
            return True
        why = self._look()
        self._looked, self._silent = self._clock(), bool(why)
        if not why:
            self._answered = self._looked
        elif self._looked - self._answered >= self._patience:
            raise HeadLost(
                f"Ray's head at {self._address} has not answered for {self._looked - self._answered:.0f} s ({why})"
                f"{self._remedy}"
            )
        return not why

"""Shares of the devices between users: who has least for their weight comes first. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

DIGITS = 9
"""Digits to which used devices are rounded, so that equal shares stay equal whatever was added and taken before."""


class FairShare:
    """What each user's runs take of the devices at the moment.

    The next device goes to the user whose runs take least of them for the user's weight (weighted max-min fairness),
    so that one user's thousand runs cannot keep out another's ten. A user alone has everything.
    """

    def __init__(self) -> None:
        """Nobody has anything, and all weigh the same."""
        self._used: defaultdict[str, float] = defaultdict(float)
        self._runs: Counter[str] = Counter()
        self._weights: Mapping[str, float] = {}

    def weigh(self, weights: Mapping[str, float]) -> None:
        """Set the weights of users, above 0; those who are not named have 1."""
        self._weights = weights

    def start(self, user: str, share: float) -> None:
        """Note that a user's run takes a share of a device."""
        self._used[user] += share
        self._runs[user] += 1

    def end(self, user: str, share: float) -> None:
        """Note that it takes it no longer."""
        self._used[user] -= share
        self._runs[user] -= 1
        if not self._runs[user]:
            del self._used[user], self._runs[user]

    def rank(self, user: str) -> float:
        """Devices that a user has for their weight: the least comes first."""
        return round(self._used.get(user, 0.0) / self._weights.get(user, 1.0), DIGITS)

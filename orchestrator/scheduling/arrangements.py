"""Which arrangement of runs a device trains fastest: one by itself, a stack, or several side by side. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SWITCH_ABOVE = 1.1
"""Several processes are chosen only above this multiple of the rate of the fastest single one: each has a context in
the device's memory, and none may take more than its part of it."""

Points = tuple[tuple[float, float], ...]
"""(N, FLOP/s), ascending in N."""


def interpolated(points: Sequence[tuple[float, float]], at: float) -> float:
    """The value at `at` of points (x, y) in ascending order: linear in log-log between neighbours, flat beyond them."""
    xs = [x for x, _ in points]
    i = bisect_left(xs, at)
    if i == 0 or i == len(xs):
        return points[min(i, len(xs) - 1)][1]
    (x0, y0), (x1, y1) = points[i - 1], points[i]
    share = math.log(at / x0) / math.log(x1 / x0)
    return float(y0 * (y1 / y0) ** share)


@dataclass(frozen=True, slots=True, order=True)
class Arrangement:
    """How a device trains runs of one shape."""

    processes: int = 1
    """Processes side by side."""
    stacked: int = 0
    """Runs that each computes as one; 0 for a run by itself."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The arrangement that was measured to be the fastest for a run."""

    processes: int
    """Processes side by side, each with one such run; 1 for one run or stack at a time."""
    rate: float
    """Training FLOP/s of the whole device."""


@dataclass(frozen=True, slots=True)
class Arrangements:
    """The rates of a device in every arrangement that was measured of runs that are computed in one way."""

    rates: Mapping[Arrangement, Points]
    """FLOP/s of the whole device at the sizes at which an arrangement fits into its memory."""

    def choose(self, params: float, mates: int, *, beside: bool = True) -> Chosen | None:
        """The fastest for a run of N parameters, if each device has `mates` runs of its stack; None if none is known.

        A stack has as many runs as there are, so that the rate of a smaller one lies between those that were measured.
        Several processes are a choice only where they may be `beside` each other on a device.
        """
        known = self._at(params)
        stacks = sorted((each.stacked, rate) for each, rate in known.items() if each.processes == 1 and each.stacked)
        single = [rate for each, rate in known.items() if each == Arrangement()]
        most = max(1, min(mates, stacks[-1][0])) if stacks else 0
        if stacks and stacks[0][0] <= most:
            # of several sizes that the runs could form, the worker takes the fastest
            single += [rate for size, rate in stacks if size <= most] + [interpolated(stacks, most)]
        several = [(rate, each.processes) for each, rate in known.items() if beside and each.processes > 1]
        if several and (not single or max(several)[0] > SWITCH_ABOVE * max(single)):
            return Chosen(max(several)[1], max(several)[0])
        return Chosen(1, max(single)) if single else None

    def _at(self, params: float) -> dict[Arrangement, float]:
        """The rates at N of the arrangements that fit there; beyond all sizes, as at the nearest."""
        sizes = [n for points in self.rates.values() for n, _ in points]
        n = min(max(params, min(sizes, default=params)), max(sizes, default=params))
        return {each: interpolated(of, n) for each, of in self.rates.items() if of and of[0][0] <= n <= of[-1][0]}

    def joined(self, other: Arrangements) -> Arrangements:
        """With what another has measured; of a size that both have, the other's."""
        points = {each: dict(of) for each, of in self.rates.items()}
        for each, of in other.rates.items():
            points.setdefault(each, {}).update(of)
        return Arrangements({each: tuple(sorted(of.items())) for each, of in points.items()})


def arrangements_of(measured: Iterable[tuple[float, float, Iterable[Mapping[str, Any]]]]) -> Arrangements:
    """What `model.arrangements` measured, by shape: its N, the FLOPs of one step of one run, and the arrangements."""
    points: dict[Arrangement, dict[float, float]] = {}
    for params, flops, rows in measured:
        for row in rows:
            arrangement = Arrangement(row["processes"], row["stacked"])
            points.setdefault(arrangement, {})[params] = flops / row["step_seconds"]
    return Arrangements({each: tuple(sorted(of.items())) for each, of in points.items()})


def workers_worth(answers: Iterable[Mapping[str, Any]]) -> int:
    """The most processes side by side that any shape of a device's stored calibrations is trained fastest by, least 1.

    Each shape is judged as if one run of it waited: others could only speak for a stack, which needs one worker.
    """
    chosen = [
        arrangements_of([(1.0, 1.0, rows)]).choose(1.0, mates=1)
        for answer in answers
        for rows in answer.get("arrangements", ())
    ]
    return max((each.processes for each in chosen if each), default=1)

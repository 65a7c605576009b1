"""The rounds of an adaptive sweep as records: what each trains, what was known before it, and why the last one ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from analysis.suggest.course import Course, CoursePoint
from analysis.suggest.records import Precision
from sweeps.file.spec import AdaptiveSpec


class Stop(StrEnum):
    """Why an adaptive sweep trains no further run."""

    REACHED = "reached"
    """The answer is known as closely as was asked."""
    SPENT = "spent"
    """What is left of the spend pays for no further run that helps."""
    EXHAUSTED = "exhausted"
    """No affordable run would narrow the answer noticeably."""
    ROUNDS = "rounds"
    """As many rounds as the sweep allows were trained."""
    CONTINUED = "continued"
    """A later revision goes on from its rounds."""
    NO_LAW = "no law"
    """The runs give no law, and no affordable run of their curves is left."""
    TUNED = "tuned"
    """A tuning has searched the settings and tested its rules."""
    DIVERGED = "diverged"
    """Every trial of a tuning diverged."""


@dataclass(frozen=True, slots=True)
class Round:
    """A decision of an adaptive sweep: the runs of one round, or its end."""

    runs: tuple[str, ...]
    """Identities of the runs that it trains; none where the sweep ends."""
    spent: float
    """Training FLOPs of all runs before it."""
    known: Precision | None = None
    """How closely the answer was known when it was decided; None without a law."""
    expected: Precision | None = None
    """How closely it should be known after these runs; None where that cannot be said."""
    stop: Stop | None = None
    """Why the sweep ends; None while it trains."""
    note: str = ""
    """What more there is to say of the decision, in a sentence."""
    ahead: tuple[str, ...] = ()
    """Identities of runs that the next round begins with: workers that become idle take them before it is decided."""
    course: tuple[CoursePoint, ...] = ()
    """Of the first design: what the plan expects after it, run by run."""

    def to_dict(self) -> dict[str, Any]:
        """As the store and JSON hold it."""
        return {
            **asdict(self),
            "runs": list(self.runs),
            "ahead": list(self.ahead),
            "known": _plain(self.known),
            "expected": _plain(self.expected),
            "course": [point.to_dict() for point in self.course],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Round:
        """The round that `to_dict` wrote, or an earlier release, which had no runs ahead."""
        return cls(
            runs=tuple(data["runs"]),
            ahead=tuple(data.get("ahead", ())),
            spent=data["spent"],
            known=_precision(data["known"]),
            expected=_precision(data["expected"]),
            stop=Stop(data["stop"]) if data["stop"] else None,
            note=data["note"],
            course=tuple(CoursePoint.from_dict(point) for point in data["course"]),
        )


def _plain(precision: Precision | None) -> dict[str, float] | None:
    return None if precision is None else asdict(precision)


def _precision(data: Mapping[str, float] | None) -> Precision | None:
    return None if data is None else Precision(**data)


def undecided(rounds: tuple[Round, ...]) -> bool:
    """Whether a further round may follow: the sweep is adaptive and has not ended."""
    return bool(rounds) and rounds[-1].stop is None


def reopened(rounds: tuple[Round, ...]) -> tuple[Round, ...]:
    """The rounds without their end, for a sweep that may spend more now."""
    return tuple(each for each in rounds if each.stop is None)


def course_of(rounds: tuple[Round, ...], adaptive: AdaptiveSpec) -> Course | None:
    """How closely the answer was known after each complete round, beside the plan; None before the first one is."""
    measured = tuple(CoursePoint(each.spent, each.known) for each in rounds if each.known is not None)
    if adaptive.ask is None or not measured:
        return None
    return Course(adaptive.ask, rounds[0].course, measured, adaptive.until.params, adaptive.until.loss)


def measure(precision: Precision) -> str:
    """A precision in words: N* to ×1.25, loss ±0.02."""
    factor = precision.params_factor
    size = f"×{factor:.3g}" if factor < 1000 else "a factor above 1000"
    return f"N* to {size}, loss ±{precision.loss_half:.3g}"

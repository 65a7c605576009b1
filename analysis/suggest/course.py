"""The course of an answer: how closely it is known, or expected to be, by what was spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.suggest.records import Precision


@dataclass(frozen=True, slots=True)
class CoursePoint:
    """How closely the answer is known, or expected to be known, once so much is spent."""

    spent: float
    """Training FLOPs of all runs so far."""
    precision: Precision
    """Half-widths of the answer's intervals then."""

    def to_dict(self) -> dict[str, float]:
        """As JSON holds it."""
        return {"spent": self.spent, "log_params": self.precision.log_params_half, "loss": self.precision.loss_half}

    @classmethod
    def from_dict(cls, data: Mapping[str, float]) -> CoursePoint:
        """The point that `to_dict` wrote."""
        return cls(data["spent"], Precision(data["log_params"], data["loss"]))


@dataclass(frozen=True, slots=True)
class Course:
    """The course of an adaptive sweep."""

    flops: float
    """Budget of the answer, training FLOPs."""
    expected: tuple[CoursePoint, ...]
    """What its plan expected, by what is spent."""
    measured: tuple[CoursePoint, ...]
    """What each complete round showed."""
    params_factor: float | None = None
    """Half-width of N*'s interval that was asked for, as a factor; None for any."""
    loss: float | None = None
    """Half-width of the loss's interval that was asked for; None for any."""

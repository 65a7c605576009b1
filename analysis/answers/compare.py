"""Compute multiplier: how much more compute one recipe needs to match another, as a curve over the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.answers.serial import record_json
from analysis.law import Law
from analysis.limits import WIDEST_COMPUTE
from analysis.records import Interval, LawError

Floats = NDArray[np.float64]

SAME_TOKENIZER = 1e-6
"""Relative difference in bytes per token below which two tokenizers are taken for the same."""
REACH = 10.0
"""Multiple of its largest budget up to which a frontier is followed."""


IncomparableReason = Literal["different_units", "different_tokenizers", "no_common_loss", "too_uncertain"]
"""Why two laws cannot be compared, as JSON and REST carry it."""


class IncomparableError(LawError):
    """Two laws that cannot be compared; `reason` is a code, the message says why and what to do."""

    kind = "incomparable"

    def __init__(self, reason: IncomparableReason, message: str) -> None:
        """Carry the code next to the message."""
        super().__init__(message)
        self.reason = reason
        """The code."""


@dataclass(frozen=True)
class Multiplier:
    """The ratio of the compute that the baseline and the other need for one loss."""

    loss: float
    """Loss that both reach, in the unit compared in."""
    baseline_flops: float
    """Compute of the baseline, training FLOPs."""
    flops: float
    """Compute of the other, training FLOPs."""
    multiplier: float
    """Above one, the other is the better recipe."""
    interval: Interval
    """Interval of the multiplier, the two sweeps' errors taken as independent."""
    extrapolation: float
    """The larger of the two budgets' ratios to the largest fitted one."""


@dataclass(frozen=True)
class Side:
    """One of the two that are compared."""

    name: str
    """What to call it."""
    law: Law
    """Its law."""
    bytes_per_token: float | None = None
    """UTF-8 bytes per validation token of its tokenizer, where known."""
    text: str = ""
    """Identity of the validation text, where known."""


@dataclass(frozen=True)
class Comparison:
    """How much more compute the baseline needs than the other for the same loss."""

    baseline: str
    """Name of the baseline."""
    other: str
    """Name of the other."""
    unit: str
    """Unit of the losses: nats/token | bits/byte | as in the data."""
    points: tuple[Multiplier, ...]
    """The curve, from the highest loss to the lowest, as far as the multiplier is known."""
    at_largest: Multiplier
    """At the lowest loss that both reach within their fitted budgets, or the nearest to it that both reach at all."""
    warnings: tuple[str, ...] = ()
    """Plain sentences."""


def compare(baseline: Side, other: Side, *, points: int = 25) -> Comparison:
    """Compare two laws: in bits per byte where their tokenizers differ, else in the laws' own unit.

    Raises IncomparableError where the losses have no common unit or do not overlap, LawError where there is no law.
    """
    sizes, unit, warnings = _common_unit(baseline, other)
    if baseline.text and other.text and baseline.text != other.text:
        warnings.append("The validation texts differ: the multiplier reflects that as well as the recipes.")
    if baseline.law.convention != other.law.convention:
        warnings.append(f"Compute is counted differently: {baseline.law.convention!r} and {other.law.convention!r}.")
    frontiers = _frontiers(baseline.law, other.law, sizes)
    largest = _at_largest(frontiers)
    if not _known(largest):
        raise IncomparableError(
            "too_uncertain",
            f"how much more compute {baseline.name} needs than {other.name} is not even known to within a factor of "
            f"{WIDEST_COMPUTE:g}: give either more budgets, more sizes or seeds",
        )
    curve = tuple(filter(_known, _along(frontiers, points))) or (largest,)
    if largest.extrapolation > 1.05:
        warnings.append("No loss is reached by both within their fitted budgets: every multiplier extrapolates.")
    if 1 in largest.interval:
        warnings.append("The interval contains 1: these runs cannot decide which recipe is better.")
    return Comparison(baseline.name, other.name, unit, curve, largest, tuple(warnings))


def _common_unit(baseline: Side, other: Side) -> tuple[tuple[float, float] | None, str, list[str]]:
    """Bytes per token to divide by, or None; the unit; and warnings."""
    units = {baseline.law.loss_unit, other.law.loss_unit}
    first, second = baseline.bytes_per_token, other.bytes_per_token
    if units == {"bits/byte"}:
        return None, "bits/byte", []
    if "bits/byte" in units:
        raise IncomparableError(
            "different_units",
            f"the losses of {baseline.name} are in {baseline.law.loss_unit}, those of {other.name} in "
            f"{other.law.loss_unit}: fit both in the same unit",
        )
    if first is not None and second is not None:
        if abs(first / second - 1) > SAME_TOKENIZER:
            return (first, second), "bits/byte", []
        return None, "nats/token", []
    if first is not None or second is not None:
        unknown = other.name if second is None else baseline.name
        raise IncomparableError(
            "different_tokenizers",
            f"the bytes per token of {unknown} are not known, so its losses cannot be written in bits per byte: "
            "give the bytes per token of both, or neither where the tokenizer is the same",
        )
    if len(units) > 1:
        raise IncomparableError(
            "different_units", f"the losses are in {' and '.join(sorted(units))}: fit both in the same unit"
        )
    return None, units.pop(), ["Losses are compared as given: one tokenizer and one validation text are assumed."]


def common_scales(sides: Sequence[Side]) -> tuple[list[float], str]:
    """What to multiply the losses of each side by so that all have one unit, and the unit. Raises IncomparableError."""
    pairs = [_common_unit(sides[0], other) for other in sides[1:]]
    units = {unit for _, unit, _ in pairs}
    if len(units) == 1 and all(sizes is None for sizes, _, _ in pairs):
        return [1.0] * len(sides), units.pop()
    sizes = [side.bytes_per_token for side in sides]
    if None in sizes:
        raise IncomparableError("different_units", "the losses have no common unit: fit all of them in the same one")
    return [1 / (size * float(np.log(2))) for size in sizes if size is not None], "bits/byte"


def bytes_per_token(frame: pd.DataFrame) -> float | None:
    """Bytes per token of a table with both `loss` in nats per token and `bits_per_byte`: loss ÷ ln 2 ÷ bits per byte.

    None where a column is missing or the ratio is not the same in all rows.
    """
    if not {"loss", "bits_per_byte"} <= set(frame.columns):
        return None
    loss, bits = (pd.to_numeric(frame[name], errors="coerce").to_numpy(float) for name in ("loss", "bits_per_byte"))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = loss / np.log(2) / bits
    ratios = ratios[np.isfinite(ratios) & (ratios > 0)]
    if len(ratios) == 0 or float(np.ptp(np.log(ratios))) > 1e-3:
        return None
    return float(np.median(ratios))


def _known(point: Multiplier) -> bool:
    """Whether the interval of a multiplier says anything."""
    return point.interval.high <= WIDEST_COMPUTE * point.multiplier


def _along(frontiers: Sequence[_Frontier], points: int) -> tuple[Multiplier, ...]:
    low, high = _common_losses(frontiers)
    return tuple(_at(loss, frontiers) for loss in np.linspace(high, low, points))


def _common_losses(frontiers: Sequence[_Frontier]) -> tuple[float, float]:
    """Lowest and highest loss that both reach. Raises IncomparableError where there is none."""
    high = min(frontier.losses[0] for frontier in frontiers)
    low = max(frontier.losses[-1] for frontier in frontiers)
    if not low < high:
        raise IncomparableError(
            "no_common_loss",
            "the two laws reach no loss in common within ten times their largest budgets "
            f"({_span(frontiers[0])} and {_span(frontiers[1])})",
        )
    return low, high


def _at_largest(frontiers: Sequence[_Frontier]) -> Multiplier:
    low, high = _common_losses(frontiers)
    inside = max(float(np.interp(np.log(f.largest), f.log_flops, f.losses)) for f in frontiers)
    return _at(min(max(inside, low), high), frontiers)


@dataclass(frozen=True)
class _Frontier:
    """L*(C) of one law on a grid of budgets, arrays of shape (T,)."""

    log_flops: Floats
    """ln C, ascending."""
    losses: Floats
    """L*, falling, in the unit compared in."""
    halves: Floats
    """Half-width of the loss's interval, to the side on which it is not capped."""
    largest: float
    """Largest fitted budget, training FLOPs."""

    @classmethod
    def of(cls, law: Law, scale: float) -> _Frontier:
        """A law's frontier up to `REACH` times its largest budget, losses multiplied by `scale`."""
        budgets = np.geomspace(law.smallest_budget, min(REACH * law.largest_budget, law.limits.highest), 80)
        band = law.band(budgets.tolist())
        losses = scale * np.array([prediction.loss for prediction in band])
        halves = scale * np.array([prediction.loss - prediction.loss_interval.low for prediction in band])
        return cls(np.log(budgets), np.minimum.accumulate(losses), halves, law.largest_budget)

    def compute(self, loss: float) -> tuple[float, float]:
        """ln C at a loss, and its half-width: that of the loss over the slope of the frontier."""
        log_c = float(np.interp(-loss, -self.losses, self.log_flops))
        slope = np.interp(log_c, self.log_flops, np.gradient(self.losses, self.log_flops))
        return log_c, float(np.interp(log_c, self.log_flops, self.halves) / max(-float(slope), 1e-12))


def _frontiers(baseline: Law, other: Law, sizes: tuple[float, float] | None) -> list[_Frontier]:
    scales = [1 / (size * np.log(2)) for size in sizes] if sizes else [1.0, 1.0]
    return [_Frontier.of(law, scale) for law, scale in zip((baseline, other), scales, strict=True)]


def _span(frontier: _Frontier) -> str:
    return f"{frontier.losses[0]:.4g} down to {frontier.losses[-1]:.4g}"


def _at(loss: float, frontiers: Sequence[_Frontier]) -> Multiplier:
    (base, base_half), (own, own_half) = (frontier.compute(loss) for frontier in frontiers)
    half = min(float(np.hypot(base_half, own_half)), 300.0)
    ratio = base - own
    return Multiplier(
        loss=float(loss),
        baseline_flops=float(np.exp(base)),
        flops=float(np.exp(own)),
        multiplier=float(np.exp(ratio)),
        interval=Interval(float(np.exp(ratio - half)), float(np.exp(ratio + half))),
        extrapolation=max(float(np.exp(base)) / frontiers[0].largest, float(np.exp(own)) / frontiers[1].largest),
    )


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """A comparison as JSON-ready data; intervals as [low, high]."""
    data = record_json(comparison)
    return data | {
        "at_largest": record_json(comparison.at_largest),
        "points": [record_json(point) for point in comparison.points],
    }

"""Compute multiplier: how much more compute one recipe needs to match another, as a curve over the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.answers.bounds import check_positive
from analysis.answers.frontier import Frontier, IncomparableError, common_losses, scales_of
from analysis.answers.serial import record_json
from analysis.answers.verdict import Verdict, difference_noise, judge
from analysis.law import Law
from analysis.limits import WIDEST_COMPUTE, rounded_down, rounded_up
from analysis.records import Interval, OutOfReachError
from analysis.wording import format_flops, typed_flops

SAME_TOKENIZER = 1e-6
"""Relative difference in bytes per token below which two tokenizers are taken for the same."""
_SLACK = 1e-9
"""Relative error of rounding that moves no budget out of reach."""


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
    verdict: Verdict
    """Which is better at the budget that was asked for, else where `at_largest` is."""
    warnings: tuple[str, ...] = ()
    """Plain sentences."""


def compare(baseline: Side, other: Side, *, points: int = 25, flops: float | None = None) -> Comparison:
    """Compare two laws: in bits per byte where their tokenizers differ, else in the laws' own unit.

    Args:
        baseline: the one side.
        other: the other.
        points: how many the curve has.
        flops: budget of the baseline at which to give the verdict; by default that of the lowest loss that both reach
            within their fitted budgets.

    Raises:
        IncomparableError: the losses have no common unit or do not overlap.
        LawError: there is no law.
        OutOfReachError, QuestionError: there is no verdict at this budget.
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
    verdict = _verdict(
        frontiers, (baseline, other), sizes, largest.loss if flops is None else _loss_at(frontiers, flops)
    )
    curve = tuple(filter(_known, _along(frontiers, points))) or (largest,)
    if largest.extrapolation > 1.05:
        warnings.append("No loss is reached by both within their fitted budgets: every multiplier extrapolates.")
    if 1 in largest.interval:
        warnings.append("The interval contains 1: these runs cannot decide which recipe is better.")
    return Comparison(baseline.name, other.name, unit, curve, largest, verdict, tuple(warnings))


def _verdict(
    frontiers: Sequence[Frontier], sides: Sequence[Side], sizes: tuple[float, float] | None, loss: float
) -> Verdict:
    """The verdict at a loss that both reach."""
    scales = scales_of(sizes)
    (base, base_half), (own, own_half) = (frontier.compute(loss) for frontier in frontiers)
    slope = float(np.mean([frontier.slope(at) for frontier, at in zip(frontiers, (base, own), strict=True)]))
    noise = difference_noise([(side.law.noise, scale) for side, scale in zip(sides, scales, strict=True)])
    return judge(float(np.exp(base)), loss, base - own, _joined(base_half, own_half), slope, noise)


def _loss_at(frontiers: Sequence[Frontier], flops: float) -> float:
    """The baseline's loss at a budget. Raises QuestionError, OutOfReachError where the other does not reach it."""
    check_positive(flops=flops)
    base = frontiers[0]
    low, high = common_losses(frontiers)
    first, last = (float(np.exp(base.compute(loss)[0])) for loss in (high, low))
    if not first * (1 - _SLACK) <= flops <= last * (1 + _SLACK):
        first, last = rounded_up(first), rounded_down(last)
        raise OutOfReachError(
            f"at {format_flops(flops)} FLOPs the baseline's loss is not one that both reach. Ask about a budget from "
            f"{typed_flops(first)} to {typed_flops(last)}",
            "flops",
            first,
            last,
        )
    return min(max(float(np.interp(np.log(flops), base.log_flops, base.losses)), low), high)


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


def _frontiers(baseline: Law, other: Law, sizes: tuple[float, float] | None) -> list[Frontier]:
    return [Frontier.of(law, scale) for law, scale in zip((baseline, other), scales_of(sizes), strict=True)]


def _along(frontiers: Sequence[Frontier], points: int) -> tuple[Multiplier, ...]:
    low, high = common_losses(frontiers)
    return tuple(_at(loss, frontiers) for loss in np.linspace(high, low, points))


def _at_largest(frontiers: Sequence[Frontier]) -> Multiplier:
    low, high = common_losses(frontiers)
    inside = max(float(np.interp(np.log(f.largest), f.log_flops, f.losses)) for f in frontiers)
    return _at(min(max(inside, low), high), frontiers)


def _joined(first: float, second: float) -> float:
    """The half-width of a difference of two; 300 at most, beyond which its ends overflow."""
    return min(float(np.hypot(first, second)), 300.0)


def _at(loss: float, frontiers: Sequence[Frontier]) -> Multiplier:
    (base, base_half), (own, own_half) = (frontier.compute(loss) for frontier in frontiers)
    half = _joined(base_half, own_half)
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
        "verdict": record_json(comparison.verdict),
        "points": [record_json(point) for point in comparison.points],
    }

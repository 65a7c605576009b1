"""A comparison in plain lines: the compute multiplier along the loss, and the ranking of a sweep's variants."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.answers.best_value import BestValue
from analysis.answers.compare import Comparison, Multiplier
from analysis.answers.total_parameters import TotalParameters
from analysis.answers.verdict import verdict_sentence
from analysis.wording import format_factor, format_flops, format_interval, format_loss, format_multiplier
from orchestrator.cli.tables import table_lines

CURVE_ROWS = 9
"""Points of a comparison's curve that a terminal shows."""
NO_DIFFERENCE = "no clear difference"
"""What is said where an interval holds both better and worse."""
REACHED = 1.05
"""Extrapolation up to which a loss counts as reached by the fitted budgets."""


def describe_comparison(comparison: Comparison) -> list[str]:
    """A compute multiplier in plain lines: where both were fitted, then along the loss."""
    c = comparison
    step = max(1, (len(c.points) - 1) // (CURVE_ROWS - 1))
    return [
        f"{c.other} against {c.baseline}: how much more compute {c.baseline} needs for the same loss ({c.unit})",
        f"  at loss {format_loss(c.at_largest.loss)}: {_multiplier(c.at_largest)}: {_said(c)}",
        "  along the loss:",
        *(f"    {format_loss(point.loss)}: {_multiplier(point)}" for point in c.points[::step]),
        *(f"  {warning}" for warning in c.warnings),
        verdict_sentence(c.baseline, c.other, c.verdict),
    ]


def _multiplier(point: Multiplier) -> str:
    reach = point.extrapolation
    return (
        f"{format_multiplier(point.multiplier)} ({format_interval(point.interval, format_multiplier)}),"
        f" {format_flops(point.baseline_flops)} against {format_flops(point.flops)} FLOPs"
        + (f", {format_factor(reach)} the largest fitted budget" if reach > REACHED else "")
    )


def verdict(comparison: Comparison) -> str:
    """Whether the other is better or worse than the baseline, or the interval holds both."""
    interval = comparison.at_largest.interval
    if interval.low > 1:
        return "better"
    return "worse" if interval.high < 1 else NO_DIFFERENCE


def _said(comparison: Comparison) -> str:
    """The verdict as a clause: lr=2 is better, or no clear difference."""
    word = verdict(comparison)
    return word if word == NO_DIFFERENCE else f"{comparison.other} is {word}"


def describe_best(axis: str, others: str, found: Sequence[BestValue]) -> list[str]:
    """The best value of an axis by budget, for the values of the other axes."""
    clause = f" with {others}" if others else ""
    lines = [f"best {axis}{clause} by budget ({found[0].unit}):"]
    for best in found:
        edge = {"": "", "both": "; the interval reaches both ends of what was tried"}.get(
            best.at_edge, f"; it may lie beyond the {best.at_edge} that was tried"
        )
        losses = ", ".join(
            f"{_number(value)}: {format_loss(loss)}" for value, loss in zip(best.tried, best.losses, strict=True)
        )
        interval = f"{_number(best.interval.low)} to {_number(best.interval.high)}"
        lines.append(f"  {format_flops(best.flops)}: {_number(best.value)} ({interval}){edge}; loss {losses}")
    return lines


def describe_total(axis: str, others: str, found: TotalParameters) -> list[str]:
    """One law over all values of an axis, with all parameters as its second coordinate."""
    clause = f" with {others}" if others else ""
    low, high = found.interval.low, found.interval.high
    return [
        f"one law for all values of {axis}{clause}: N counts as N·r^{found.weight:z.2f} ({low:z.2f} to {high:z.2f}), "
        f"r: all parameters over those of {axis}={found.baseline} at the same N, here up to {found.largest_ratio:.2g}",
        f"  0: those that a token uses count alone; 1: all count ({found.cells} cells, within {found.scatter:.1%})",
    ]


def _number(value: float) -> str:
    """A value of an axis: whole from a hundred on, else three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def ranking(baseline: str, comparisons: Sequence[Comparison], failed: Sequence[str], width: int) -> list[str]:
    """Variants by the compute that the baseline needs for the same loss, the best first, as one table.

    `comparisons` are all against `baseline`; `failed` names the variants that cannot be compared, which come last.
    """
    ranked = sorted(comparisons, key=lambda comparison: -comparison.at_largest.multiplier)
    rows = [_ranked(comparison) for comparison in ranked]
    above = sum(comparison.at_largest.multiplier > 1 for comparison in ranked)
    rows.insert(above, {"variant": baseline, "multiplier": "×1", "95 %": "", "verdict": "the baseline"})
    rows += [{"variant": name, "multiplier": "–", "95 %": "", "verdict": "not compared"} for name in failed]
    for rank, row in enumerate(rows[: len(ranked) + 1], start=1):
        row["rank"] = str(rank)
    table = table_lines(
        rows,
        ["rank", "variant", "multiplier", "95 %", "at loss", "verdict"],
        width - 2,
        ("variant", "multiplier", "verdict", "95 %", "rank"),
    )
    same = "loss in bits per byte" if any(one.unit == "bits/byte" for one in comparisons) else "loss"
    return [f"Compute that {baseline} needs for the same {same}, over that of each variant", *(f"  {x}" for x in table)]


def _ranked(comparison: Comparison) -> dict[str, str]:
    point = comparison.at_largest
    return {
        "variant": comparison.other,
        "multiplier": format_multiplier(point.multiplier),
        "95 %": format_interval(point.interval, format_multiplier),
        "at loss": format_loss(point.loss),
        "verdict": verdict(comparison) + ("" if point.extrapolation <= REACHED else ", extrapolated"),
    }

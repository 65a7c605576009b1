"""Adaptive sweeps on the command line: the options that make a sweep one, its expected course, and its rounds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import check_positive
from sweeps.file.problem import SweepError

if TYPE_CHECKING:
    from analysis.suggest.course import CoursePoint
    from orchestrator.use_cases.planning import Planned
    from sweeps.plan.rounds import Round

_KEYS = {"params": "adaptive.until.params", "loss": "adaptive.until.loss"}
_SHOWN = 8
"""Points of a course that are shown."""


def adaptive_of(
    until: Annotated[
        list[str] | None,
        typer.Option(
            "--until",
            metavar="params=FACTOR|loss=HALF[@FLOPs]",
            help="Choose runs until an answer is this precise: params=1.25@1e15 (N* at 1e15 FLOPs to ×1.25 each "
            "side) or loss=0.02@1e15; repeatable.",
        ),
    ] = None,
    spend: Annotated[
        float | None, typer.Option("--spend", help="With --until: training FLOPs that all runs may spend.")
    ] = None,
) -> list[str]:
    """The overrides of the sweep file that the options stand for. Raises BadParameter."""
    check_positive("--spend", spend)
    found: dict[str, float] = {}
    for text in until or []:
        wanted, _, asked = text.partition("@")
        name, _, value = wanted.partition("=")
        given = {_KEYS.get(name, ""): _number(value)} | ({"adaptive.ask": _number(asked)} if asked else {})
        agrees = found.get("adaptive.ask", given.get("adaptive.ask")) == given.get(
            "adaptive.ask", found.get("adaptive.ask")
        )
        if name not in _KEYS or _KEYS[name] in found or not agrees or not all(map(math.isfinite, given.values())):
            raise typer.BadParameter(
                "--until takes params=FACTOR@FLOPs or loss=HALF-WIDTH@FLOPs, each once and at one budget, such as "
                f"params=1.25@1e15, not {text!r}"
            )
        found |= given
    if spend is not None:
        found["adaptive.spend"] = spend
    return [f"{key}={value:.15g}" for key, value in found.items()]


@contextmanager
def naming_options(adaptive: Sequence[str], after: int) -> Iterator[None]:
    """Let a problem of what the options stand for name the option; `after` overrides, which were typed, come before."""
    try:
        yield
    except SweepError as error:
        names = {
            f"override {after + number}": "--spend" if text.startswith("adaptive.spend=") else "--until"
            for number, text in enumerate(adaptive, start=1)
        }
        raise SweepError([replace(each, file=names.get(each.file, each.file)) for each in error.problems]) from error


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def show_course(planned: Planned) -> None:
    """Print what an adaptive sweep is for, and how its interval should narrow with what it spends."""
    from analysis.wording import format_flops
    from orchestrator.cli.output import print_table, say

    adaptive, (first,) = planned.spec.adaptive, planned.rounds
    wanted = [f"N* to ×{adaptive.until.params:g}"] if adaptive.until.params else []
    wanted += [f"the loss to ±{adaptive.until.loss:g}"] if adaptive.until.loss else []
    until = f"until {' and '.join(wanted)} at" if wanted else "narrowing the answer at"
    say(
        f"adaptive: {until} {format_flops(adaptive.ask or 0.0)} FLOPs, within {format_flops(adaptive.spend or 0.0)} "
        f"FLOPs and {adaptive.rounds} rounds; the first is shown, the others follow from its losses"
    )
    rows = [
        {"FLOPs spent": format_flops(p.spent), "N*": _factor(p), "loss": f"±{p.precision.loss_half:.3g}"}
        for p in spaced(first.course)
    ]
    if rows:
        print_table(rows, list(rows[0]), "Expected course (half-widths of 95 % intervals, simulated)")
    if first.note:
        say(f"warning: {first.note}")


def spaced(course: Sequence[CoursePoint]) -> list[CoursePoint]:
    """Some points of a course, the first and the last among them."""
    step = max(1, math.ceil((len(course) - 1) / (_SHOWN - 1)))
    return [*course[:-1:step], *course[-1:]]


def round_rows(rounds: Sequence[Round]) -> list[dict[str, str | int]]:
    """The rounds of an adaptive sweep as rows of a table, its end the last."""
    from analysis.wording import format_flops
    from sweeps.plan.rounds import measure

    return [
        {
            "round": "end" if each.stop else number,
            "runs": len(each.runs),
            "ahead": len(each.ahead),
            "spent before": format_flops(each.spent),
            "known": measure(each.known) if each.known else "",
            "expected after": measure(each.expected) if each.expected else "",
            "why": str(each.stop) if each.stop else each.note,
        }
        for number, each in enumerate(rounds, start=1)
    ]


def _factor(point: CoursePoint) -> str:
    factor = point.precision.params_factor
    return f"×{factor:.3g}" if factor < 1000 else "beyond ×1000"

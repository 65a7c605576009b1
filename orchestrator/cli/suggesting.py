"""The verb that suggests further runs: those that most narrow an answer for what they cost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.opening import open_workspace
from orchestrator.cli.options import Output, check_positive, expand
from orchestrator.cli.output import Format, emit_json, emit_rows, say
from orchestrator.cli.sources import Source, source_of

if TYPE_CHECKING:
    from analysis.suggest.records import Precision, Suggestion, Target
    from orchestrator.use_cases.suggesting import Asked

_COLUMNS = ("no", "budget", "params", "tokens", "shape", "seed", "why", "flops", "spent", "hours", "n_factor", "loss_±")
_IMPORTANCE = (
    "no",
    "budget",
    "params",
    "n_factor",
    "loss_±",
    "why",
    "spent",
    "seed",
    "tokens",
    "hours",
    "shape",
    "flops",
)


_LEAST = {"params": 1, "loss": 0}
"""What a precision must be above."""


class Per(StrEnum):
    """What narrowing is counted for."""

    FLOP = "flop"
    HOUR = "hour"


def target_of(
    until: Annotated[
        list[str] | None,
        typer.Option(
            "--until",
            metavar="params=FACTOR|loss=HALF",
            help="Precision to reach, such as params=1.2 (N* to ×1.2 each side) or loss=0.02; repeatable.",
        ),
    ] = None,
) -> Target:
    """The precision that the options ask for. Raises BadParameter."""
    from analysis.suggest.records import Target

    found: dict[str, float] = {}
    for text in until or []:
        name, _, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if name not in ("params", "loss") or name in found or not math.isfinite(number):
            raise typer.BadParameter(
                f"--until takes params=FACTOR or loss=HALF-WIDTH, each once, such as params=1.2, not {text!r}; the "
                "budget of the answer goes to --flops"
            )
        if not number > _LEAST[name]:
            such = "params=1.2 for ×1.2" if name == "params" else "loss=0.02"
            message = f"{text} asks for the impossible: {name} must be above {_LEAST[name]}, such as {such}"
            raise typer.BadParameter(message, param_hint="--until")
        found[name] = number
    return Target(found.get("params"), found.get("loss"))


@expand(source=source_of, target=target_of)
def suggest(
    source: Source,
    target: Target,
    flops: Annotated[float, typer.Option("--flops", help="Budget of the answer to narrow, training FLOPs.")],
    spend: Annotated[
        float | None,
        typer.Option("--spend", help="Training FLOPs that further runs may spend. Default: as the runs so far."),
    ] = None,
    per: Annotated[
        Per, typer.Option("--per", help="Narrow most for each FLOP, or for each predicted hour.")
    ] = Per.FLOP,
    output: Output = Format.TABLE,
) -> None:
    """Say which further runs narrow an answer most for their cost.

    Takes a sweep, the file of a sweep without runs, or a table; shows the runs in order and the interval to expect
    after each. Starts nothing; exit code 1 if the precision asked for is out of reach.
    """
    from orchestrator.use_cases.suggesting import Asked

    check_positive("--flops", flops)
    check_positive("--spend", spend)
    found = _suggestion(source, Asked(flops, spend, target, per is Per.HOUR))
    for note in found.notes:
        say(f"note: {note}")
    if output is Format.JSON:
        emit_json(suggestion_json(source.title, found))
    else:
        rows = [_row(number, run) for number, run in enumerate(suggestion_json("", found)["runs"], start=1)]
        if output is Format.TABLE:
            say(_now(found))
            rows = [_shown(row) for row in rows]
        if rows or output is Format.CSV:
            columns = [name for name in _COLUMNS if any(row.get(name) not in (None, "") for row in rows)] or _COLUMNS
            emit_rows(rows, columns, output, importance=_IMPORTANCE)
    for line in _verdict(found):
        say(line)
    if found.target.any and not found.target.reached(found.expected or _nothing()):
        raise typer.Exit(1)


def _suggestion(source: Source, asked: Asked) -> Suggestion:
    """The suggestion for a source: a sweep's name, a sweep file's path, or a table."""
    if source.sweep is None:
        from analysis.law import fit
        from analysis.suggest.ladder import table_cells
        from analysis.suggest.suggest import suggest as for_law

        law = fit(source.table, holdout=False)
        cells = table_cells(source.table, law, asked.flops)
        return for_law(law, cells, asked.flops, spend=asked.spend, target=asked.target, per_hour=asked.per_hour)
    from orchestrator.use_cases.planning import Planning
    from orchestrator.use_cases.suggesting import suggest_for_file, suggest_for_sweep

    if source.sweep.endswith((".yaml", ".yml")):
        return suggest_for_file(Planning(open_workspace()), Path(source.sweep), asked)
    workspace = open_workspace(here="the runs are read there, while their corpus is prepared in the home here")
    planning = Planning(workspace)
    return suggest_for_sweep(planning, source.answers_in(workspace), asked, source.variant)


def suggestion_json(title: str, found: Suggestion) -> dict[str, Any]:
    """`isoflop suggest -o json`."""
    return {
        "source": title,
        "flops": found.flops,
        "loss_unit": found.loss_unit,
        "now": _precision(found.now),
        "target": {"params_factor": found.target.params_factor, "loss": found.target.loss},
        "spend": found.spend,
        "candidates": found.candidates,
        "outcome": found.outcome.value,
        "spent": found.spent,
        "expected": _precision(found.expected),
        "notes": list(found.notes),
        "runs": [
            {
                "budget": run.budget,
                "params": run.params,
                "tokens": run.tokens,
                "shape": run.shape or None,
                "seed": run.seed,
                "why": run.why.value,
                "flops": run.flops,
                "spent": run.spent,
                "hours": run.hours,
                "expected": _precision(run.expected),
            }
            for run in found.runs
        ],
    }


def _precision(known: Precision | None) -> dict[str, float] | None:
    return None if known is None else {"params_factor": known.params_factor, "loss": known.loss_half}


def _row(number: int, run: dict[str, Any]) -> dict[str, Any]:
    """One run as a row: what is expected after it in columns of its own."""
    expected = run["expected"] or {"params_factor": None, "loss": None}
    flat = {key: value for key, value in run.items() if key != "expected"}
    return {"no": number} | flat | {"n_factor": expected["params_factor"], "loss_±": expected["loss"]}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a person reads it."""
    from analysis.wording import format_count, format_flops, format_hours

    shown = dict(row)
    for name, write in (
        ("budget", format_flops), ("flops", format_flops), ("spent", format_flops), ("params", format_count),
        ("tokens", format_count), ("hours", format_hours), ("n_factor", _factor), ("loss_±", "{:.4f}".format),
    ):  # fmt: skip
        if row[name] is not None:
            shown[name] = write(row[name])
    return shown


def _nothing() -> Precision:
    """What is known without a law."""
    from analysis.suggest.records import Precision

    return Precision(math.inf, math.inf)


def _factor(factor: float) -> str:
    """A half-width as a factor, in as many digits as tell runs apart."""
    return f"×{factor:.3f}" if factor < 10 else f"×{factor:.3g}"


def _words(known: Precision | None) -> str:
    """A precision in words."""
    return f"N* to {_factor(known.params_factor)}, loss ± {known.loss_half:.4f}" if known else "no law"


def _remedy(found: Suggestion) -> str:
    """What to ask for instead of a precision out of reach; more spending only where it pays for a run that helps."""
    from analysis.suggest.records import Outcome

    typed = found.target.typed(found.expected) if found.expected else ""
    if found.outcome is Outcome.EXHAUSTED and found.all_afforded and typed:
        return f"ask for {typed}"
    return f"{f'ask for {typed}, or ' if typed else ''}{'raise limits.flops' if found.limited else 'spend more'}"


def _now(found: Suggestion) -> str:
    from analysis.wording import format_flops

    return f"at {format_flops(found.flops)} FLOPs now: {_words(found.now)} (half-widths of 95 % intervals)"


def _verdict(found: Suggestion) -> Iterator[str]:
    """How the order ends, in sentences."""
    from analysis.suggest.records import Outcome
    from analysis.wording import format_flops, plural

    runs, cost = plural(len(found.runs), "run"), format_flops(found.spent)
    if found.outcome is Outcome.REACHED:
        yield (
            f"reached after {runs}, {cost} FLOPs: {_words(found.expected)}"
            if found.runs
            else f"reached already: {_words(found.now)}"
        )
        return
    why = {
        Outcome.SPENT: f"the spend of {format_flops(found.spend)} FLOPs pays for no further run",
        Outcome.EXHAUSTED: f"no further run within {format_flops(found.spend)} FLOPs would narrow it noticeably",
    }[found.outcome]
    if found.target.any:
        yield f"the precision asked for is out of reach: {why}"
        yield f"the nearest: {_words(found.expected)} after {runs}, {cost} FLOPs; {_remedy(found)}"
    else:
        yield f"{runs}, {cost} FLOPs: {_words(found.expected)}; {why}"

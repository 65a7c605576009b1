"""The verb `compare`: the compute multiplier between two sweeps, two tables, or the values of a varied axis."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import options
from orchestrator.cli.destination import check_destination
from orchestrator.cli.opening import open_answering
from orchestrator.cli.options import Output
from orchestrator.cli.output import Format, emit_json, emit_rows, print_lines, say
from orchestrator.cli.sources import columns_of, conditions, read_file, table_of

if TYPE_CHECKING:
    import pandas as pd

    from analysis.answers.best_value import BestValue
    from analysis.answers.compare import Comparison, Side
    from analysis.answers.total_parameters import TotalParameters

Sweeps = Annotated[list[str] | None, typer.Argument(metavar="SWEEP", help="Baseline and other sweep.")]
Csvs = Annotated[
    list[Path] | None,
    typer.Option("--csv", help="Give twice: the table of the baseline, then of the other. Once, with --axis."),
]
MOST_VALUES = 12
"""Most values of a column that are compared."""
Sizes = Annotated[
    list[float] | None,
    typer.Option(
        "--bytes-per-token", help="For tables whose tokenizers differ, twice: the baseline's and the other's."
    ),
]


@options.expand(columns=columns_of)
def compare(
    columns: dict[str, str],
    sweeps: Sweeps = None,
    csv: Csvs = None,
    axis: Annotated[
        str | None,
        typer.Option("--axis", help="With one sweep or table: compare the values of this axis or column."),
    ] = None,
    baseline: Annotated[
        str, typer.Option("--baseline", help="With --axis: the value to compare with. Default: the first.")
    ] = "",
    variant: Annotated[
        list[str] | None,
        typer.Option("--variant", help="With two sweeps that vary something, twice: a variant of each."),
    ] = None,
    bytes_per_token: Sizes = None,
    flops: Annotated[
        float | None,
        typer.Option("--flops", help="Budget of the baseline for the verdict. Default: the largest of both."),
    ] = None,
    where: options.Where = None,
    out: options.Chart = None,
    output: Output = Format.TABLE,
) -> None:
    """Show the compute multiplier between two recipes.

    At each loss: the compute that the baseline needs to reach it, divided by what the other needs. Ends with a verdict:
    which is better at a budget, with what probability, and how many further seeds would settle it. With --axis experts
    also one law of all values: what the parameters count that a token does not use.
    """
    options.check_positive("--flops", flops)
    rows = conditions(where or [])
    _check(sweeps or [], csv or [], axis, baseline, variant or [], bytes_per_token or [], columns, rows)
    if out is not None:
        check_destination("--out", out, makes_folders=True)
    best: dict[str, list[BestValue]] = {}
    total: dict[str, TotalParameters] = {}
    if csv and axis is not None:
        made, total = _of_values(csv[0], columns, rows, axis, baseline, flops)
    elif csv:
        made = [_of_tables(csv, columns, rows, bytes_per_token or [], flops)]
    else:
        made, best, total = _of_sweeps(sweeps or [], axis, baseline, variant or [], flops, columns.get("loss", ""))
    _show(made, output, axis or "", best, total)
    if out is not None:
        _draw(made, out)


def _check(
    sweeps: list[str],
    csv: list[Path],
    axis: str | None,
    baseline: str,
    variant: list[str],
    sizes: list[float],
    keys: dict[str, str],
    where: dict[str, str],
) -> None:
    """Raise BadParameter unless there are exactly two things to compare, with only the options that apply to them."""
    if bool(sweeps) == bool(csv):
        raise typer.BadParameter("name two sweeps, two tables with --csv, or one of either with --axis")
    if csv and len(csv) != (1 if axis is not None else 2):
        raise typer.BadParameter("give --csv twice: the baseline's table and the other's; or once with --axis COLUMN")
    if sweeps and len(sweeps) != (1 if axis is not None else 2):
        raise typer.BadParameter("name two sweeps, or one sweep with --axis")
    if baseline and axis is None:
        raise typer.BadParameter("--baseline needs --axis: it names one of its values")
    if variant and (csv or axis is not None or len(variant) != 2):
        raise typer.BadParameter("give --variant twice, for two sweeps that vary something")
    if (sizes or set(keys) - {"loss"} or where) and not csv:
        raise typer.BadParameter("--bytes-per-token, --where and columns need --csv: those of sweeps are known")
    if sizes and axis is not None:
        raise typer.BadParameter("--bytes-per-token needs two tables: the values of --axis share one")
    if sizes and (len(sizes) != 2 or not all(0 < size < math.inf for size in sizes)):
        raise typer.BadParameter("give --bytes-per-token twice, both positive: the baseline's and the other's")


def _of_sweeps(
    sweeps: list[str], axis: str | None, baseline: str, variant: list[str], flops: float | None, loss_key: str
) -> tuple[list[Comparison], dict[str, list[BestValue]], dict[str, TotalParameters]]:
    """The comparisons, with an axis of numbers its best value by budget, and with one of experts what they count."""
    from orchestrator.use_cases.total_parameters import total_parameters_of

    answering = open_answering()
    if loss_key:
        say(f"compared by {loss_key}")
    if axis is not None:
        answers = answering.of(sweeps[0]).on(loss_key)
        made = answers.compare_values(axis, baseline, flops)
        return made, answers.best_values(axis), total_parameters_of(answers, axis, baseline)
    first, second = sweeps
    labels = (*variant, "", "")
    return [answering.compare(first, second, (labels[0], labels[1]), flops, loss_key)], {}, {}


def _of_tables(
    csv: list[Path], keys: dict[str, str], where: dict[str, str], sizes: list[float], flops: float | None
) -> Comparison:
    from analysis.answers.compare import compare as compare_sides

    first, second = (
        _side(path, read_file(path), keys, where, size) for path, size in zip(csv, sizes or (None, None), strict=True)
    )
    return compare_sides(first, second, flops=flops)


def _of_values(
    path: Path, keys: dict[str, str], where: dict[str, str], axis: str, baseline: str, flops: float | None
) -> tuple[list[Comparison], dict[str, TotalParameters]]:
    """The values of a column of one table, each against the baseline's rows. Raises BadParameter, TableError."""
    from analysis.answers.compare import compare as compare_sides

    frame = read_file(path)
    if axis not in frame:
        raise typer.BadParameter(f"{path} has no column {axis}; its columns: {', '.join(map(str, frame.columns))}")
    values = [str(value).strip() for value in frame[axis].dropna().unique()]
    start = baseline or values[0]
    others = [value for value in values if value != start]
    if start not in values or not others:
        raise typer.BadParameter(f"--axis {axis} needs two values, --baseline one of them: {', '.join(values)}")
    if len(values) > MOST_VALUES:
        raise typer.BadParameter(f"column {axis} has {len(values)} values, more than {MOST_VALUES}")
    sides = {value: _side(path, frame, keys, where | {axis: value}, None) for value in (start, *others)}
    named = {value: replace(side, name=f"{axis}={value}") for value, side in sides.items()}
    made = [compare_sides(named[start], named[value], flops=flops) for value in others]
    return made, _total_of_values(path, frame, keys, where, axis, [start, *others])


def _total_of_values(
    path: Path, frame: pd.DataFrame, keys: dict[str, str], where: dict[str, str], axis: str, values: list[str]
) -> dict[str, TotalParameters]:
    """What all parameters count for, where a column is of experts; nothing where the table does not tell."""
    from analysis.answers.counts import Counts
    from analysis.answers.total_parameters import ROUTED, total_parameters
    from analysis.records import LawError

    if axis.removeprefix("vary.") not in ROUTED:
        return {}
    tables = [table_of(frame, path, keys, where | {axis: value}) for value in values]
    rows = [frame[frame[axis].astype(str).str.strip() == value] for value in values]
    counts = [Counts.from_frame(each, keys.get("params", "params")) for each in rows]
    if None in counts:
        return {}
    try:
        models = [(table, count) for table, count in zip(tables, counts, strict=True) if count is not None]
        return {"": total_parameters(values[0], models)}
    except LawError:
        return {}


def _side(path: Path, frame: pd.DataFrame, keys: dict[str, str], where: dict[str, str], size: float | None) -> Side:
    from analysis.answers.compare import Side, bytes_per_token
    from analysis.law import fit

    law = fit(table_of(frame, path, keys, where), holdout=False)
    if size is None and "loss" not in keys:
        size = bytes_per_token(frame)
    return Side(path.stem if path.stem != "runs" else str(path), law, size)


def _show(
    made: list[Comparison],
    output: Format,
    axis: str,
    best: dict[str, list[BestValue]],
    total: dict[str, TotalParameters],
) -> None:
    from analysis.answers.compare import comparison_json
    from analysis.answers.serial import record_json
    from orchestrator.cli.comparison_text import describe_best, describe_comparison, describe_total

    if output is Format.JSON:
        document: dict[str, Any] = {"comparisons": [comparison_json(comparison) for comparison in made]}
        rows = [{"variant": label, "axis": axis} | record_json(one) for label, found in best.items() for one in found]
        whole = [{"variant": label, "axis": axis} | record_json(one) for label, one in total.items()]
        emit_json(document | ({"best": rows} if rows else {}) | ({"total_parameters": whole} if whole else {}))
    elif output is Format.CSV:
        rows = [row for comparison in made for row in _rows(comparison)]
        emit_rows(rows, list(rows[0]), output)
    else:
        print_lines(line for comparison in made for line in describe_comparison(comparison))
        print_lines(line for label, found in best.items() for line in describe_best(axis, label, found))
        print_lines(line for label, found in total.items() for line in describe_total(axis, label, found))


def _rows(comparison: Comparison) -> list[dict[str, Any]]:
    return [
        {
            "baseline": comparison.baseline,
            "other": comparison.other,
            "loss": point.loss,
            "unit": comparison.unit,
            "baseline_flops": point.baseline_flops,
            "flops": point.flops,
            "multiplier": point.multiplier,
            "low": point.interval.low,
            "high": point.interval.high,
            "extrapolation": point.extrapolation,
        }
        for point in comparison.points
    ]


def _draw(made: list[Comparison], out: Path) -> None:
    from analysis.figures import save
    from analysis.figures.multiplier import compute_multipliers

    save(compute_multipliers(made), out)
    say(f"written: {out}")

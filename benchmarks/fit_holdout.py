"""How often the headline's intervals cover on published results, beside four baselines: forecasts and single runs.

    python -m benchmarks.fit_holdout ../shared/data --out rows.csv
    python -m benchmarks.fit_holdout A.csv B.csv --only budgets --against old.csv
    python -m benchmarks.fit_holdout --rows rows.csv --write docs/experiments/coverage.md

For each file every later budget with a minimum of its own is predicted from three and more earlier ones, and every run
from the others. Tables go to standard output, every forecast to `--out`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pandas as pd

from analysis.records import LawError
from benchmarks.holdout import rows, run_tables, tables
from benchmarks.holdout.rolling import forecast_budgets
from benchmarks.holdout.rows import Row
from benchmarks.holdout.scores import scored
from benchmarks.holdout.sets import cuts, files, load
from benchmarks.holdout.singles import beyond, folds, inside, validation
from benchmarks.pages import write_part

PART = "fit_holdout"
"""Part of a page that `--write` puts the tables into."""

Task = Callable[[], list[Row]]
"""Some forecasts."""


def tasks(path: Path, only: str, to: float, own_holdout: bool) -> list[Task]:
    """What there is to do for a file; nothing, with a line on standard error, where it gives nothing."""
    try:
        data = load(path)
    except LawError as error:
        print(f"{path.name}: skipped: {error}", file=sys.stderr)
        return []
    places = cuts(data.truths)
    later = sum(cut.first in data.usable for cut in places)
    print(
        f"{path.name}: {len(data.table)} runs, {len(data.usable)} of {len(data.truths)} budgets have a minimum",
        file=sys.stderr,
    )
    found: list[Task] = []
    if only in ("budgets", "both"):
        found += [partial(forecast_budgets, path, cut, to, own_holdout) for cut in places]
        if not later:
            print(f"{path.name}: no forecast of a budget: that takes four budgets with a minimum", file=sys.stderr)
    if only in ("runs", "both"):
        found += [
            partial(inside, path, part, own_holdout)
            for part in range(int(folds(data.table.budget, data.table.params).max()) + 1)
        ]
        found += [partial(beyond, path, cut, to, own_holdout) for cut in places]
        found += [partial(validation, path, own_holdout)] if len(data.validation) else []
    return found


def run(todo: Iterable[Task], jobs: int) -> pd.DataFrame:
    """Every forecast, in the order of the tasks."""
    if jobs == 1:
        return rows.to_frame([row for task in todo for row in task()])
    with ProcessPoolExecutor(jobs) as pool:
        return rows.to_frame([row for part in pool.map(_call, todo) for row in part])


def _call(task: Task) -> list[Row]:
    return task()


def report(frame: pd.DataFrame, old: pd.DataFrame | None = None) -> str:
    """The tables of what the rows have."""
    found = scored(frame)
    parts = []
    if (found.kind == "budget").any():
        parts += ["### Budgets, by set", tables.by_set(found), "### Budgets, by group", tables.by_group(found)]
        parts += ["### Budgets, beside the baselines", tables.beside_baselines(found)]
    if found.kind.isin(["inside", "beyond"]).any():
        parts += ["### Single runs", run_tables.single_runs(found)]
    if old is not None:
        parts += ["### Ratios to the earlier method", tables.against(found, scored(old))]
    return "\n\n".join(parts)


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, help="CSV files, and folders of them")
    parser.add_argument("--rows", type=Path, nargs="*", default=[], help="read rows written before, do not fit")
    parser.add_argument("--only", choices=("budgets", "runs", "both"), default="both", help="which forecasts")
    parser.add_argument("--to", type=float, default=30.0, help="furthest multiple of the largest training budget")
    parser.add_argument(
        "--own-holdout",
        action="store_true",
        help="let each fit test itself, without which none has high confidence (slow)",
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, help="write every forecast here, as CSV")
    parser.add_argument("--against", type=Path, nargs="+", help="rows of an earlier method to compare with")
    parser.add_argument("--write", type=Path, help="put the tables into this page, between its marks")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Forecast, write the rows, print the tables."""
    chosen = options(arguments)
    found = [rows.read(path) for path in chosen.rows]
    if chosen.paths:
        todo = [
            task for path in files(chosen.paths) for task in tasks(path, chosen.only, chosen.to, chosen.own_holdout)
        ]
        found.append(run(todo, chosen.jobs))
    frame = pd.concat(found, ignore_index=True) if found else rows.to_frame([])
    if not len(frame):
        raise SystemExit("no forecast: give CSV files with at least four budgets, or --rows")
    if chosen.out:
        rows.write(frame, chosen.out)
    old = pd.concat([rows.read(path) for path in chosen.against], ignore_index=True) if chosen.against else None
    text = report(frame, old)
    if chosen.write:
        write_part(chosen.write, PART, text)
    print(text)


if __name__ == "__main__":
    main()

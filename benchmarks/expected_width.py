"""How a plan's expected half-widths compare with those that fits of published results have.

    python -m benchmarks.expected_width ../shared/data --out rows.csv
    python -m benchmarks.expected_width --rows rows.csv --write docs/experiments/coverage.md

Of each table, and of its first three, four, five and seven budgets, the plan is given only the design (FLOPs, sizes,
tokens) and a noise: the usual one, or the table's own between seeds, else near the valley's floor. Tables whose losses
are per byte or character are brought to the level of the plan's default surface.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.answers.expected import DEFAULT_NOISE, expected_widths
from analysis.answers.usual import SURFACE
from analysis.law import Law, fit
from analysis.records import LawError
from analysis.table.table import RunTable
from benchmarks.holdout.sets import files, load
from benchmarks.holdout.tables import markdown
from benchmarks.pages import write_part

PART = "expected_width"
"""Part of a page that `--write` puts the table into."""
BUDGETS = (3, 4, 5, 7)
"""Budgets with a minimum of the sub-tables."""
MULTIPLES = (3.0, 10.0)
"""Multiples of the largest budget that are asked about."""
PER_TOKEN = 1.5
"""Nats: a table whose level is below this is not counted per token of text."""
LEAST_NOISE = 1e-4
"""Noise, nats, below which a table was made by a formula: no plan could be right about it."""


@dataclass(frozen=True)
class Row:
    """One table, one noise and one multiple: what came over what was expected."""

    data: str
    """Name of the set."""
    budgets: int
    """Budgets with a minimum."""
    noise: str
    """usual | own."""
    multiple: float
    """Asked budget over the largest."""
    params: float
    """ln of the ratio of the half-widths of ln N*."""
    loss: float
    """ln of the ratio of the half-widths of the loss."""


def tables(path: Path) -> Iterator[tuple[int, RunTable]]:
    """A file's table and those of its first budgets, with how many of them have a minimum."""
    data = load(path)
    usable = data.usable
    for count in BUDGETS:
        if count < len(usable):
            yield count, data.table.select(data.table.budget <= usable[count - 1])
    yield len(usable), data.table


def compare(name: str, budgets: int, table: RunTable) -> list[Row]:
    """What one table has over what its design promised; nothing where it gives no law or was made by a formula."""
    try:
        law = fit(table, holdout=False)
        came = _came(law)
    except LawError:
        return []
    assert law.valley is not None
    level = float(law.valley.mean[0])
    unit = float(SURFACE.level) / level if level < PER_TOKEN else 1.0
    own = (law.noise.seed_sigma or float(np.exp(law.valley.best.noise))) * unit
    if own < LEAST_NOISE:
        return []
    return [
        Row(
            name,
            budgets,
            label,
            width.multiple,
            params=float(np.log(log_params / np.log(width.params_factor))),
            loss=float(np.log(loss * unit / width.loss)),
        )
        for label, noise in (("usual", DEFAULT_NOISE), ("own", own))
        for width, log_params, loss in zip(
            expected_widths(
                table.flops,
                table.params,
                table.tokens,
                budgets=table.budgets[table.budget],
                cost=law.cost,
                noise=noise,
                multiples=MULTIPLES,
            ),
            *came,
            strict=True,
        )
    ]


def _came(law: Law) -> tuple[Sequence[float], Sequence[float]]:
    """Half-widths of ln N* and of the loss at the multiples."""
    asked = law.largest_budget * np.asarray(MULTIPLES)
    result = law.combined(asked)
    low, high = law.loss_ends(asked, result)
    return result.log_params_half.tolist(), ((high - low) / 2).tolist()


def report(frame: pd.DataFrame) -> str:
    """Median ratios by set, by number of budgets and over all, with the factor that holds half of them."""
    rows = []
    few = frame.budgets < 5
    named = [(str(name), part) for name, part in frame.groupby("data")]
    for name, part in [*named, ("**3 and 4 budgets**", frame[few]), ("**from 5 on**", frame[~few]), ("**all**", frame)]:
        cells = [name, str(len(part) // len(MULTIPLES) // 2)]
        for noise in ("usual", "own"):
            for multiple in MULTIPLES:
                chosen = part[(part.noise == noise) & (part.multiple == multiple)]
                cells += [_spread(chosen.params), _spread(chosen.loss)]
        rows.append(cells)
    heads = [f"{noise}, ×{at:g}: {what}" for noise in ("usual", "own") for at in MULTIPLES for what in ("N\\*", "L\\*")]
    return markdown(("data", "tables", *heads), rows)


def _spread(logs: pd.Series[float]) -> str:
    if not len(logs):
        return "–"
    middle = logs.median()
    return f"{np.exp(middle):.2f} (÷× {np.exp((logs - middle).abs().median()):.2f})"


def main() -> None:
    """Compare, write the rows, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, help="CSV files, and folders of them")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, help="write every ratio here, as CSV")
    parser.add_argument("--rows", nargs="*", type=Path, default=[], help="ratios written before, to report on as well")
    parser.add_argument("--write", type=Path, help="put the table into this page, between its marks")
    chosen = parser.parse_args()
    found = files(chosen.paths) if chosen.paths or not chosen.rows else []
    todo = [(path.stem, *each) for path in found for each in tables(path)]
    with ProcessPoolExecutor(chosen.jobs) as pool:
        rows = [asdict(row) for part in (pool.map(compare, *zip(*todo, strict=True)) if todo else []) for row in part]
    frame = pd.concat([*map(pd.read_csv, chosen.rows), pd.DataFrame(rows)], ignore_index=True)
    if chosen.out:
        frame.to_csv(chosen.out, index=False)
    text = report(frame)
    if chosen.write:
        write_part(chosen.write, PART, text)
    print(text)


if __name__ == "__main__":
    main()

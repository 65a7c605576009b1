"""How the course that a plan of an adaptive sweep expects compares with what the sweep comes to, on published tables.

    python -m benchmarks.adaptive_plan ../shared/data --starts 3 --out rows.csv --write docs/experiments/adaptive.md

Pools, starts and questions are those of `benchmarks.suggest_replay`. The plan is given the design of a start, its five
sizes at each of three budgets, the cells that may be bought, and a noise: the usual one, or the pool's own. What it
expects at the end of its course is held against the half-widths after the published losses of suggested runs. Tables
whose losses are per byte or character are brought to the level of the plan's default surface.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.answers.expected import DEFAULT_NOISE
from analysis.answers.usual import SURFACE
from analysis.law import Law
from analysis.records import LawError
from analysis.suggest.first import suggest_after
from benchmarks.expected_width import LEAST_NOISE, PER_TOKEN
from benchmarks.holdout.tables import markdown
from benchmarks.pages import write_part
from benchmarks.suggest_replay import SHARES, published
from benchmarks.suggest_rules import Case, Mask, answer, begin, cells_of, suggested

PART = "adaptive_plan"
"""Part of a page that `--write` puts the table into."""
Row = dict[str, str | float]


def compare(case: Case, start: int, whole: Law) -> Iterator[Row]:
    """What one start came to over what its plan expected, in ln, for each noise; nothing where it gives no law."""
    begun = begin(case, np.random.default_rng(start))
    spend = SHARES[0] * float(case.pool.flops.sum())
    if float(case.pool.flops[begun].sum()) > spend:
        return
    _, law = answer(case.pool.select(begun), case.flops)
    if law is None:
        return
    rows = suggested(case, begun, law, spend, np.random.default_rng(start))
    came, _ = answer(case.pool.select(rows), case.flops)
    if came is None:
        return
    unit, own = _level_and_noise(whole)
    if own < LEAST_NOISE:
        return
    for name, noise in (("usual", DEFAULT_NOISE), ("own", own)):
        began = time.process_time()
        try:
            planned = _planned(case, begun, whole, noise, spend)
        except LawError:
            continue
        took = time.process_time() - began
        yield {
            "data": case.name,
            "flops": case.flops,
            "start": start,
            "noise": name,
            "params": float(np.log(came.halves[0] / planned[0])),
            "loss": float(np.log(came.halves[1] * unit / planned[1])),
            "seconds": took,
        }


def _level_and_noise(law: Law) -> tuple[float, float]:
    """What brings a table's losses to nats per token, and its noise between seeds there."""
    assert law.valley is not None
    level = float(law.valley.mean[0])
    unit = float(SURFACE.level) / level if level < PER_TOKEN else 1.0
    return unit, (law.noise.seed_sigma or float(np.exp(law.valley.best.noise))) * unit


def _planned(case: Case, begun: Mask, whole: Law, noise: float, spend: float) -> tuple[float, float]:
    """Half-widths of ln N* and the loss at the end of the course that a plan expects. Raises LawError."""
    pool = cells_of(case.pool, np.zeros_like(begun))
    first = np.flatnonzero(cells_of(case.pool, begun).runs > 0)
    found = suggest_after(
        replace(pool, most=np.maximum(pool.most, 1)), first, case.flops, cost=whole.cost, noise=noise, spend=spend
    )
    expected = found.expected
    assert expected is not None
    return expected.log_params_half, expected.loss_half


def report(frame: pd.DataFrame) -> str:
    """Median ratios by table and over all, with the factor that holds half of them."""
    rows = []
    for name, part in [*[(str(name), part) for name, part in frame.groupby("data")], ("**all**", frame)]:
        cells = [name, str(len(part) // 2)]
        for noise in ("usual", "own"):
            chosen = part[part.noise == noise]
            cells += [_spread(chosen.params), _spread(chosen.loss)]
        rows.append(cells)
    heads = [f"{noise}: {what}" for noise in ("usual", "own") for what in ("N\\*", "L\\*")]
    return markdown(("data", "starts", *heads), rows)


def _spread(logs: pd.Series[float]) -> str:
    middle = logs.median()
    return f"{np.exp(middle):.2f} (÷× {np.exp((logs - middle).abs().median()):.2f})"


def main(arguments: list[str] | None = None) -> None:
    """Compare, write the rows, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, help="CSV files, and folders of them")
    parser.add_argument("--starts", type=int, default=3, help="random starts of each table and asked budget")
    parser.add_argument("--out", type=Path, help="write every ratio here, as CSV")
    parser.add_argument("--write", type=Path, help="put the table into this page, between its marks")
    chosen = parser.parse_args(arguments)
    rows: list[Row] = []
    for case in published(chosen.paths):
        _, whole = answer(case.pool, case.flops)
        if whole is not None:
            rows += [row for start in range(chosen.starts) for row in compare(case, start, whole)]
        if chosen.out:
            pd.DataFrame(rows).to_csv(chosen.out, index=False)
    text = report(pd.DataFrame(rows))
    if chosen.write:
        write_part(chosen.write, PART, text)
    print(text)


if __name__ == "__main__":
    main()

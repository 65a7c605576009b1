"""Published tables replayed run by run: suggested runs against a uniform grid, random choice and D-optimality.

    python -m benchmarks.suggest_replay ../shared/data --out answers.csv --write docs/experiments/suggest.md
    python -m benchmarks.suggest_replay --worlds --out worlds.csv --write docs/experiments/suggest.md

For each table the pool is every run below its largest budgets with a minimum, and what is asked is one of these. Each
start has five sizes at each of the three smallest budgets; runs of the pool are added up to a share of its FLOPs. A
replay that was broken off goes on where its `--out` ends.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.fitting.local_minima import LocalMinimum, local_minima
from analysis.law import fit
from analysis.records import LawError
from analysis.suggest.cells import Cells, joined
from analysis.suggest.suggest import suggest
from analysis.table.table import RunTable
from benchmarks.holdout.sets import files, load
from benchmarks.holdout.tables import markdown
from benchmarks.pages import write_part
from benchmarks.suggest_rules import RULES, Answer, Case, Mask, answer, begin
from benchmarks.worlds import SEVEN, WORLDS, World, grid, noise, optimum

Row = dict[str, str | float | bool]

SHARES = (0.3,)
"""Shares of a published pool's FLOPs."""
WORLD_SHARES = (0.1, 0.2, 0.3)
"""Shares of a simulated pool's."""
ASKED = 2
"""Largest budgets of a table that are asked about, each by the runs below it."""
LEAST_ERROR = {"params": 0.02, "loss": 0.003}
"""Errors of the whole pool below which a ratio to it would tell nothing."""
REPLAYED = ("iid", "truth: strongly skewed", "truth: Skaling", "truth: drifting exponents", "far misfit")
"""The simulated worlds that are replayed, with seven budgets of eleven sizes over ±8×."""


def published(paths: Sequence[Path]) -> Iterator[Case]:
    """The cases of published tables."""
    for path in files(paths):
        try:
            data = load(path)
        except LawError:
            continue
        for top in data.usable[4:][-ASKED:]:
            truth = data.truths[top]
            assert truth is not None
            pool = data.table.select(data.table.budget < top)
            yield Case(data.name, pool, float(data.table.budgets[top]), truth, data.truths[:top])


def simulated(draw: int) -> Iterator[Case]:
    """One draw of each world."""
    for world in WORLDS:
        if world.name in REPLAYED:
            wide = replace(world, budgets=SEVEN, span=8.0, sizes=11)
            pool, flops = _pool(wide, draw), SEVEN[-1] * 10**0.5
            truth = LocalMinimum(*optimum(wide.truth, flops), 0.0, 0.0)
            yield Case(world.name, pool, flops, truth, local_minima(pool))


def _pool(world: World, draw: int) -> RunTable:
    frame = grid(world)
    losses = world.truth(frame.params.to_numpy(), frame.tokens.to_numpy())
    return RunTable.from_frame(frame.assign(loss=losses + noise(world, frame, np.random.default_rng(draw))))


WHOLE = "whole pool"
"""What the table calls the answer of every run of the pool."""


def replay(case: Case, whole: Answer, start: int, rules: Sequence[str], shares: Sequence[float]) -> Iterator[Row]:
    """What each rule comes to at each share, a row for each answer, and what the whole pool comes to."""
    total = float(case.pool.flops.sum())
    begun = begin(case, np.random.default_rng(start))
    _, law = answer(case.pool.select(begun), case.flops)
    every = np.ones(len(begun), dtype=bool)
    yield _row(case, start, WHOLE, 1.0, every, whole, whole)
    for name in rules:
        for share in shares:
            if float(case.pool.flops[begun].sum()) > share * total:
                continue
            rows = RULES[name](case, begun, law, share * total, np.random.default_rng(start))
            yield _row(case, start, name, share, rows, whole, answer(case.pool.select(rows), case.flops)[0])


def _row(case: Case, start: int, rule: str, share: float, rows: Mask, whole: Answer, found: Answer | None) -> Row:
    """One answer: its errors, and widths over the whole pool's, and whether its intervals hold the truth."""
    truth = case.truth
    row: Row = {"data": case.name, "flops": case.flops, "start": start, "rule": rule, "share": share}
    row |= {"runs": int(rows.sum()), "answered": found is not None}
    if found is None:
        return row
    true, own = (truth.log_params, truth.loss), (truth.log_params_error, truth.loss_error)
    for at, quantity in enumerate(("params", "loss")):
        error = abs(found.values[at] - true[at])
        row[f"{quantity}_error"] = error
        row[f"{quantity}_ratio"] = error / max(abs(whole.values[at] - true[at]), LEAST_ERROR[quantity])
        row[f"{quantity}_half"] = found.halves[at]
        row[f"{quantity}_width"] = found.halves[at] / whole.halves[at]
        row[f"{quantity}_covered"] = error <= float(np.hypot(found.halves[at], 1.96 * own[at]))
    return row


def summary(frame: pd.DataFrame) -> str:
    """A row for each rule and share: medians of errors and of ratios to the whole pool's, and coverage."""
    rows = []
    for (name, share), part in frame.groupby(["rule", "share"], sort=False):
        told = part[part.answered.astype(bool)]
        cells = [str(name), f"{share:.0%}", str(len(part)), str(len(part) - len(told)), f"{part.runs.median():.0f}"]
        for quantity, digits in (("params", 3), ("loss", 4)):
            cells.append(f"{told[f'{quantity}_error'].median():.{digits}f}")
            cells += [f"{told[f'{quantity}_{what}'].median():.2f}" for what in ("ratio", "width")]
            cells.append(f"{told[f'{quantity}_covered'].astype(float).mean():.2f}")
        rows.append(cells)
    head = ["rule", "FLOPs", "answers", "refused", "runs"]
    head += [f"{mark} {what}" for mark in ("N\\*", "L\\*") for what in ("error", "ratio", "width", "covered")]
    return markdown(head, rows)


def by_world(frame: pd.DataFrame) -> str:
    """A row for each world and share: median half-widths after suggested and after random runs, and their coverage."""
    rows = []
    for (name, share), part in frame.groupby(["data", "share"]):
        cells = [str(name), f"{share:.0%}"]
        for rule in ("suggest", "random") if share < 1 else (WHOLE, WHOLE):
            told = part[(part.rule == rule) & part.answered.astype(bool)]
            cells += [f"×{np.exp(told.params_half.median()):.3f}", f"{told.params_covered.astype(float).mean():.2f}"]
            cells += [f"±{told.loss_half.median():.4f}", f"{told.loss_covered.astype(float).mean():.2f}"]
        rows.append(cells)
    head = ["world", "FLOPs"]
    head += [f"{rule}: {what}" for rule in ("suggest", "random") for what in ("N\\*", "covered", "L\\*", "covered")]
    return markdown(head, rows)


def speed() -> str:
    """Seconds of one core for a suggestion of 500 candidates on 105 runs."""
    table = _pool(replace(WORLDS[0], budgets=SEVEN, span=8.0, sizes=15), 0)
    law = fit(table, holdout=False)
    budgets = np.repeat(np.geomspace(1e17, 3e20, 20), 25)
    params = np.exp(np.log(budgets / 6) / 2 + np.tile(np.linspace(-3.5, 1.5, 25), 20))
    none = np.zeros(len(params), dtype=np.int64)
    cells = Cells(budgets, params, budgets / 6 / params, budgets, none, none + 1)
    began = time.process_time()
    found = suggest(
        law, joined(Cells.run_already(table, 1), cells), SEVEN[-1] * 10**0.5, spend=float(table.flops.sum())
    )
    taken = time.process_time() - began
    return f"{taken:.2f} s for {found.candidates} candidates on {len(table)} runs ({len(found.runs)} suggested)"


def main(arguments: list[str] | None = None) -> None:
    """Replay, and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, help="CSV files, and folders of them")
    parser.add_argument("--worlds", action="store_true", help="replay simulated worlds")
    parser.add_argument("--starts", type=int, default=30, help="random starts of each table, or draws of each world")
    parser.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES), help="which rules to replay")
    parser.add_argument("--speed", action="store_true", help="only measure the seconds of one suggestion")
    parser.add_argument("--out", type=Path, help="write every answer here, as CSV, and go on where it ends")
    parser.add_argument("--write", type=Path, help="put the table into this page, between its marks")
    chosen = parser.parse_args(arguments)
    if chosen.speed:
        print(speed())
        return
    frame = _replayed(chosen)
    text = summary(frame)
    worlds = by_world(frame) if chosen.worlds else ""
    if chosen.write:
        write_part(chosen.write, "suggest_worlds" if chosen.worlds else "suggest_replay", text)
        if worlds:
            write_part(chosen.write, "suggest_by_world", worlds)
    print(text, worlds, sep="\n\n")


def _replayed(chosen: argparse.Namespace) -> pd.DataFrame:
    """The answers of all starts, those of `--out` among them."""
    frame = pd.read_csv(chosen.out) if chosen.out and chosen.out.exists() else pd.DataFrame()
    cases = [] if chosen.worlds else [(case, answer(case.pool, case.flops)[0]) for case in published(chosen.paths)]
    for start in range(int(frame.start.max()) + 1 if len(frame) else 0, chosen.starts):
        if chosen.worlds:
            cases = [(case, answer(case.pool, case.flops)[0]) for case in simulated(start)]
        shares = WORLD_SHARES if chosen.worlds else SHARES
        rows = [
            row
            for case, whole in cases
            if whole is not None
            for row in replay(case, whole, start, chosen.rules, shares)
        ]
        frame = pd.concat([frame, pd.DataFrame(rows)], ignore_index=True)
        if chosen.out:
            frame.to_csv(chosen.out, index=False)
    return frame


if __name__ == "__main__":
    main()

"""What a law says of runs that repeat tokens, before they are trained: the forecasts of repetition.md.

    python -m benchmarks.repetition RUNS.csv --flops 1.6e11 --epochs 16 [--out FILE.png]

For every size that a table has at a budget: the loss after so many passes over D ÷ passes different tokens, by the
worth of repetition that the table's own runs show, with the 95 % interval of one run, and by the published constants.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path as FilePath

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.answers.draws import drawn_surfaces
from analysis.figures import save
from analysis.fitting.repetition.published import PUBLISHED, Worth
from analysis.fitting.repetition.runs import Filled, Path, Runs, counted, design_of
from analysis.law import Law, fit
from analysis.table.table import RunTable

Floats = NDArray[np.float64]


def at_budget(table: RunTable, flops: float, epochs: float) -> Runs:
    """One run of each size of a budget, after so many passes."""
    rows = np.flatnonzero(np.isclose(table.budgets[table.budget], flops))
    rows = rows[np.unique(table.size[rows], return_index=True)[1]]
    log_d = np.log(table.tokens[rows])
    return Runs(np.log(table.params[rows]), log_d, log_d - np.log(epochs), table.loss[rows], np.arange(len(rows)))


def losses(law: Law, known: Runs, runs: Runs, worth: Worth, theta: Floats) -> Floats:
    """Losses (B, n) of runs by vectors (B, P) of the valley, with as many worths."""
    assert law.valley is not None
    path = Path.of(known, law.valley, law.cost)
    at = design_of(*counted(runs, Filled.of(runs, path), worth), law.valley, law.cost)
    return law.valley.form.value(theta, at)


def chart(law: Law, table: RunTable, flops: float, most: float) -> alt.LayerChart:
    """The losses of a budget against passes, a colour a size: measured, by the own R*, by the published (dashed)."""
    assert law.valley is not None and law.worth is not None
    known, passes = Runs.of(table), np.geomspace(1, most, 25)
    curves = []
    for epochs in passes:
        runs = at_budget(table, flops, float(epochs))
        for name, worth in (("own R*", law.worth.best), ("published R*", PUBLISHED)):
            for log_n, value in zip(
                runs.log_params, losses(law, known, runs, worth, law.valley.mean[None])[0], strict=True
            ):
                curves.append({"N": f"{np.exp(log_n):,.0f}", "passes": epochs, "loss": value, "by": name})
    measured = [
        {"N": f"{n:,.0f}", "passes": d / min(d, u), "loss": loss}
        for n, d, u, loss, c in _measured(table)
        if np.isclose(c, flops)
    ]
    axes = {
        "x": alt.X("passes:Q").scale(type="log", base=2).title("passes over the different tokens"),
        "y": alt.Y("loss:Q").scale(zero=False, domainMax=5.7, clamp=True).title("loss, nats per token"),
        "color": alt.Color("N:O").sort(None),
    }
    lines = alt.Chart(pd.DataFrame(curves)).mark_line().encode(**axes, strokeDash=alt.StrokeDash("by:N").title(None))
    return lines + alt.Chart(pd.DataFrame(measured)).mark_circle(size=70, opacity=1).encode(**axes)


def _measured(table: RunTable) -> Iterator[tuple[float, ...]]:
    """N, D, U, loss and budget of all runs."""
    assert table.unique is not None
    budgets = table.budgets[table.budget]
    yield from zip(table.params, table.tokens, table.unique, table.loss, budgets, strict=True)
    if (aside := table.aside) is not None:
        budgets = table.budgets[aside.budget]
        yield from zip(aside.params, aside.tokens, aside.unique, aside.loss, budgets, strict=True)


def main() -> None:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=FilePath)
    parser.add_argument("--flops", type=float, required=True)
    parser.add_argument("--epochs", type=float, required=True)
    parser.add_argument("--out", type=FilePath, help="draw the measured losses and both R* to this file")
    options = parser.parse_args()
    table = RunTable.read_csv(options.table)
    law = fit(table, holdout=False)
    assert law.valley is not None and law.worth is not None
    if options.out:
        save(chart(law, table, options.flops, options.epochs), options.out)
    known, runs = Runs.of(table), at_budget(table, options.flops, options.epochs)
    theta = drawn_surfaces(law)[1]
    own = losses(law, known, runs, law.worth.best, law.valley.mean[None])[0]
    drawn = losses(law, known, runs, law.worth.drawn(len(theta), np.random.default_rng(1)), theta)
    published = losses(law, known, runs, PUBLISHED, law.valley.mean[None])[0]
    fresh = losses(law, known, replace(runs, log_unique=runs.log_tokens), PUBLISHED, law.valley.mean[None])[0]
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    n, d, u = np.exp(runs.log_params), np.exp(runs.log_tokens), np.exp(runs.log_unique)
    overfits = [law.worth.overfits(*(np.array([x]) for x in one[:2]), one[2])[0] for one in zip(n, d, u, strict=True)]
    print("| N | D | U | N/U | fresh | own R* (95 %) | published R* | overfits by own runs |")
    print("|---|---|---|---|---|---|---|---|")
    for i in np.argsort(n):
        single = law.one_run(options.flops, float(n[i]))
        wide = single.scatter if single else 0.0
        ends = own[i] - np.hypot(own[i] - low[i], wide), own[i] + np.hypot(high[i] - own[i], wide)
        print(
            f"| {n[i]:,.0f} | {d[i]:,.0f} | {u[i]:,.0f} | {n[i] / u[i]:.2f} | {fresh[i]:.3f} | "
            f"{own[i]:.3f} ({ends[0]:.3f} to {ends[1]:.3f}) | {published[i]:.3f} | {'yes' if overfits[i] else 'no'} |"
        )


if __name__ == "__main__":
    main()

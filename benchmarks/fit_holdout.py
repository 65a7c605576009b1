"""How often the headline's intervals cover on published results, by rolling hold-out.

    python benchmarks/fit_holdout.py A.csv …

For each file, every later budget with a minimum of its own is predicted from the earlier ones. The table shows, for
budgets of at least three times the largest fitted one, how often the headline's intervals cover, how wide they are,
and how far off each estimator is by itself. The error of the later budget's own minimum is not added to the intervals.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from analysis.evidence import HoldoutRecord
from analysis.law import fit
from analysis.table.table import RunTable

FROM = 3.0
"""Smallest extrapolation factor that counts."""


def row(name: str, records: list[HoldoutRecord]) -> str:
    """One line of the table."""
    names = sorted({answer.estimator for record in records for answer in record.answers})
    halves = [np.sqrt(record.params_interval.high / record.params_interval.low) for record in records]
    widths = [(record.loss_interval.high - record.loss_interval.low) / 2 for record in records]
    size_error = {}
    for key in names:
        answered = [(a.params, r.params) for r in records for a in r.answers if a.estimator == key and a.params]
        size_error[key] = np.mean([abs(np.log(found / truth)) for found, truth in answered])
    own = np.mean([abs(np.log(record.params_predicted / record.params)) for record in records])
    loss_own = np.mean([abs(record.loss_predicted - record.loss) for record in records])
    cells = [
        name,
        str(len(records)),
        f"{np.mean([record.params_covered for record in records]):.2f}",
        f"×{np.median(halves):.2f}",
        f"{own:.2f}",
        f"{np.mean([record.loss_covered for record in records]):.2f}",
        f"±{1e3 * np.median(widths):.1f}",
        f"{1e3 * loss_own:.1f}",
        ", ".join(f"{key} {value:.2f}" for key, value in size_error.items()),
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print a row for each file, and one for all of them."""
    print("| data | forecasts | N* covered | half-width | error | L* covered | half-width | error | ln N* alone |")
    print("|---|---|---|---|---|---|---|---|---|")
    together: list[HoldoutRecord] = []
    for path in map(Path, sys.argv[1:]):
        law = fit(RunTable.read_csv(path))
        records = [record for record in law.holdout if record.extrapolation >= FROM]
        if records:
            print(row(path.stem, records))
        together += records
    if together:
        print(row("all", together))


if __name__ == "__main__":
    main()

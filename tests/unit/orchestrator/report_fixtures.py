"""A small sweep made from a known surface, and the real law fitted to it, for the tests of charts and pages."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from analysis.law import Law, fit
from analysis.table.table import RunTable
from orchestrator.use_cases.provenance import Provenance

BUDGETS = (3e11, 1e12, 3e12)
CENTRES = (4.0e4, 7.0e4, 1.2e5)


def runs(budgets: tuple[float, ...] = BUDGETS, *, sizes: int = 7, edge: float | None = None) -> pd.DataFrame:
    """Runs on L = 1.3 + 60 N^-0.34 + 250 D^-0.37 with noise of 0.01; at the budget `edge` all sizes are too large."""
    noise = np.random.default_rng(7)
    rows = []
    for budget, centre in zip(budgets, CENTRES, strict=False):
        shift = 12.0 if budget == edge else 1.0
        for index, params in enumerate(shift * centre * np.exp(np.linspace(-1.3, 1.3, sizes))):
            tokens = budget / (6.6 * params)
            loss = 1.3 + 60 / params**0.34 + 250 / tokens**0.37 + noise.normal(0, 0.01)
            rows.append(
                {
                    "run": f"{int(budget / 1e11):04x}{index:02d}",
                    "state": "done",
                    "budget": budget,
                    "flops": budget,
                    "params": params,
                    "tokens": tokens,
                    "loss": loss,
                    "bits_per_byte": loss / 2,
                    "seed": 0,
                    "shape": "L4 d64 h4 ff176",
                    "batch_tokens": 1024,
                    "lr": 0.006,
                    "steps": round(tokens / 1024),
                    "seconds": 12.5,
                    "device": "cpu",
                }
            )
    return pd.DataFrame(rows)


@cache
def law(budgets: tuple[float, ...] = BUDGETS, *, sizes: int = 7, edge: float | None = None) -> Law:
    """The law of `runs`."""
    frame = runs(budgets, sizes=sizes, edge=edge)
    return fit(RunTable.from_frame(frame, convention="N: matmul parameters", loss_unit="nats/token"))


def provenance() -> Provenance:
    """The provenance of that law."""
    return Provenance(
        "demo@0123", "d" * 8, "a" * 8, "N: matmul parameters", ("cpu",), "Linux x86_64", {"torch": "2.13"}
    )

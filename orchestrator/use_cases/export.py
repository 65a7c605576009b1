"""A sweep's runs as a table: the rows of `runs.csv`, of the page and of every fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from model.config import RunConfig
from orchestrator.store import RunRecord, SweepRecord

COLUMNS = (
    "run",
    "state",
    "sweep",
    "role",
    "budget",
    "flops",
    "flops_spent",
    "params",
    "params_total",
    "params_nonembedding",
    "tokens",
    "unique_tokens",
    "loss",
    "bits_per_byte",
    "seed",
    "size_id",
    "trunk",
    "shape",
    "recipe",
    "batch_tokens",
    "lr",
    "steps",
    "seconds",
    "device",
    "numerics",
)


def run_table(sweep: SweepRecord, runs: Sequence[RunRecord]) -> pd.DataFrame:
    """One row a run with the contract's columns, and one `vary.<axis>` column for each varied axis."""
    rows = [_row(sweep, run) for run in runs]
    axes = sorted({key for row in rows for key in row} - set(COLUMNS))
    return pd.DataFrame(rows, columns=[*COLUMNS, *axes])


def _row(sweep: SweepRecord, run: RunRecord) -> dict[str, Any]:
    config = RunConfig.from_dict(run.config)
    cell = run.cell
    row = {
        "run": run.id,
        "state": str(run.state),
        "sweep": f"{sweep.name}@{sweep.revision}",
        "role": run.role,
        "flops": run.flops,
        "flops_spent": run.flops_spent,
        "tokens": config.tokens,
        "unique_tokens": sweep.unique_tokens,
        "loss": run.loss,
        "bits_per_byte": run.bits_per_byte,
        "trunk": (cell and cell.trunk) or "",
        "lr": config.train.lr,
        "steps": config.train.steps,
        "batch_tokens": config.train.batch * config.model.context,
        "seconds": run.seconds,
        "device": run.device,
        "numerics": config.train.numerics,
    }
    named = ("budget", "params", "params_total", "params_nonembedding", "seed", "size_id", "shape", "recipe")
    row |= {key: cell and getattr(cell, key) for key in named}
    return row | {f"vary.{axis}": value for axis, value in (cell.vary if cell else {}).items()}

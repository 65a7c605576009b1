"""The table of runs that were trained without a scheduler, which `isoflop fit --csv` reads."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from model.config import RunConfig
from model.flops import count_parameters

TABLE = "runs.csv"
"""Name of the table in the folder of results."""


def write_table(folder: Path, runs: Iterable[RunConfig]) -> Path:
    """Write `runs.csv` into `folder`, replacing an earlier one: a row for each of `runs` that has a result there."""
    files = (folder / run_id / "result.json" for run_id in dict.fromkeys(run.run_id for run in runs))
    rows = [_row(json.loads(file.read_text(encoding="utf-8"))) for file in files if file.exists()]
    path, temporary = folder / TABLE, folder / f"{TABLE}.tmp"
    with temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["flops", "params", "tokens", "loss"])
        writer.writeheader()
        writer.writerows(rows)
    temporary.replace(path)
    return path


def _row(record: dict[str, Any]) -> dict[str, float | int | str | None]:
    """One finished run from its `result.json`: first the columns that a fit reads, then those about its speed."""
    run, result = RunConfig.from_dict(record["run"]), record["result"]
    counts, sets = count_parameters(run.model), result.get("sets", {})
    return {
        "flops": result["flops"],
        "params": counts.matmul,
        "tokens": result["tokens"],
        "loss": result["loss"],
        "bits_per_byte": result["bits_per_byte"],
        **{f"{key}.{name}": one[key] for name, one in sets.items() for key in ("loss", "bits_per_byte")},
        "params_total": counts.total,
        "params_nonembedding": counts.nonembedding,
        "seed": run.train.seed,
        "steps": result["steps"],
        "seconds": result["train_seconds"],
        "mfu": result["mfu"],
        "run": record["run_id"],
    }

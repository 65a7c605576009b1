"""A sweep's runs as a table: the rows of `runs.csv`, of the page and of every fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final

import pandas as pd

from model.config import RunConfig
from orchestrator.store import RunRecord, SweepRecord
from sweeps.file.data_axes import data_values


@dataclass(frozen=True, slots=True)
class TableRow:
    """One run. Each field is a column, in this order; what is not known is None, and empty in CSV."""

    run: str
    """Id of the run."""
    state: str
    """queued | running | done | failed | diverged | cancelled."""
    sweep: str
    """Name and revision of the sweep, `name@revision`."""
    role: str
    """grid | check | validation."""
    budget: float | None
    """Budget of its cell, training FLOPs."""
    flops: float
    """Training FLOPs, nominal: within 1 % of the budget."""
    flops_spent: float | None
    """Training FLOPs really spent; fewer if it began on a shared trunk. None before its end."""
    params: int | None
    """N: parameters that take part in a matrix product, the head included."""
    params_total: int | None
    """All parameters."""
    params_nonembedding: int | None
    """Parameters without embedding and head."""
    tokens: int
    """Training tokens D."""
    unique_tokens: int
    """Training tokens of its dataset."""
    loss: float | None
    """Validation loss, nats per token."""
    bits_per_byte: float | None
    """Validation loss, bits per UTF-8 byte."""
    seed: int | None
    """Seed."""
    size_id: str | None
    """Identity of its size across budgets."""
    trunk: str
    """Identity of the trunk that it shares; empty if it shares none."""
    shape: str | None
    """Shape of the model, such as `L4 d48 h2 ff128`."""
    recipe: str | None
    """Registry key of its recipe."""
    batch_tokens: int
    """Tokens of one optimizer step."""
    lr: float
    """Peak learning rate."""
    steps: int
    """Optimizer steps."""
    seconds: float | None
    """Training seconds over all attempts, evaluation not included."""
    device: str | None
    """Kind of device that trained it."""
    numerics: str
    """Numerics profile."""


COLUMNS: Final = tuple(f.name for f in fields(TableRow))
"""Columns of the table, without those of varied axes."""


def run_table(sweep: SweepRecord, runs: Sequence[RunRecord]) -> pd.DataFrame:
    """One row for each run with the columns COLUMNS, `vary.<axis>` for each varied axis, and those of further sets."""
    values = attrgetter(*COLUMNS)
    frame = pd.DataFrame([values(_row(sweep, run)) for run in runs], columns=list(COLUMNS))
    varied = [_varied(run) for run in runs]
    for axis in sorted({axis for each in varied for axis in each}):
        frame[f"vary.{axis}"] = [each.get(axis) for each in varied]
    for column in columns_of_sets(runs):
        measure, _, name = column.partition(".")
        frame[column] = [run.sets.get(name, (None, None))[measure == "bits_per_byte"] for run in runs]
    return frame


def columns_of_sets(runs: Sequence[RunRecord]) -> list[str]:
    """Columns of the losses on further validation sets: `loss.<set>` and `bits_per_byte.<set>`."""
    names = dict.fromkeys(name for run in runs for name in run.sets)
    return [f"{measure}.{name}" for name in sorted(names) for measure in ("loss", "bits_per_byte")]


def rows_json(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table of runs for JSON: what is not known is null."""
    values = table.astype(object)
    records = values.where(values.notna(), None).to_dict("records")
    return [{str(column): value for column, value in row.items()} for row in records]


def unique_tokens(sweep: SweepRecord, run: RunRecord) -> int:
    """Training tokens of a run's dataset, which is the sweep's unless the sweep varies the data."""
    cell = run.cell
    return round(cell.tokens / cell.epochs) if cell and data_values(cell.vary) else sweep.unique_tokens


def _varied(run: RunRecord) -> Mapping[str, Any]:
    """The run's value on each varied axis."""
    return run.cell.vary if run.cell else {}


def _row(sweep: SweepRecord, run: RunRecord) -> TableRow:
    """A run of a sweep as a row."""
    config, cell = RunConfig.from_dict(run.config), run.cell
    return TableRow(
        run=run.id,
        state=str(run.shown),
        sweep=f"{sweep.name}@{sweep.revision}",
        role=run.role,
        budget=cell.budget if cell else None,
        flops=run.flops,
        flops_spent=run.flops_spent,
        params=cell.params if cell else None,
        params_total=cell.params_total if cell else None,
        params_nonembedding=cell.params_nonembedding if cell else None,
        tokens=config.tokens,
        unique_tokens=unique_tokens(sweep, run),
        loss=run.loss,
        bits_per_byte=run.bits_per_byte,
        seed=cell.seed if cell else None,
        size_id=cell.size_id if cell else None,
        trunk=(cell.trunk if cell else None) or "",
        shape=cell.shape if cell else None,
        recipe=cell.recipe if cell else None,
        batch_tokens=config.train.batch * config.model.context,
        lr=config.train.lr,
        steps=config.train.steps,
        seconds=run.seconds,
        device=run.device,
        numerics=config.train.numerics,
    )

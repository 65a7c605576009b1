"""What is stored of a sweep as JSON, and back: whoever has it answers every question as the service's home would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from orchestrator.states import Hold, RunState
from orchestrator.store import RunRecord, StoredForecast, SweepRecord
from orchestrator.store.cell import Cell
from orchestrator.use_cases.sweep_answers import SweepAnswers
from sweeps.plan.records import DroppedCell
from sweeps.plan.rounds import Round


def records_json(answers: SweepAnswers) -> dict[str, Any]:
    """A sweep, its runs and its forecasts as they are stored, and the identities of its validation texts."""
    sweep = {f.name: getattr(answers.sweep, f.name) for f in fields(SweepRecord)}
    return {
        "sweep": sweep
        | {
            "dropped": [cell.to_dict() for cell in answers.sweep.dropped],
            "rounds": [each.to_dict() for each in answers.sweep.rounds],
        },
        "runs": [_run_json(run) for run in answers.runs],
        "forecasts": [asdict(forecast) for forecast in answers.stored],
        "texts": dict(answers.texts),
    }


def answers_of_json(data: Mapping[str, Any]) -> SweepAnswers:
    """The answers of the sweep that `records_json` wrote. Raises KeyError, TypeError, ValueError for anything else."""
    sweep = dict(data["sweep"])
    sweep["dropped"] = tuple(DroppedCell.from_dict(cell) for cell in sweep["dropped"])
    sweep["rounds"] = tuple(Round.from_dict(each) for each in sweep.get("rounds") or ())
    sweep["held"] = Hold(sweep["held"]) if sweep["held"] else None
    forecasts = [StoredForecast(**forecast) for forecast in data["forecasts"]]
    runs = [_run(run) for run in data["runs"]]
    return SweepAnswers(SweepRecord(**sweep), runs, Path(), forecasts, texts=dict(data["texts"]))


def _run_json(run: RunRecord) -> dict[str, Any]:
    """A run as it is stored."""
    values = {f.name: getattr(run, f.name) for f in fields(RunRecord)}
    return values | {"cell": run.cell.to_dict() if run.cell else None}


def _run(data: Mapping[str, Any]) -> RunRecord:
    """The run that `_run_json` wrote."""
    cell = Cell.from_dict(data["cell"]) if data["cell"] else None
    return RunRecord(**{**data, "state": RunState(data["state"]), "cell": cell})

"""The verbs that read what is stored: ls, show, export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.wording import join_words, plural
from orchestrator.cli.destination import check_destination, write_text
from orchestrator.cli.opening import open_answering, open_service, open_workspace
from orchestrator.cli.options import Output, SweepName
from orchestrator.cli.output import Format, emit_json, emit_rows, print_text, say

SHOWN = 100
"""Most runs that a table shows."""

_SWEEP_IMPORTANCE = ("name", "state", "done", "total", "failed", "flops_spent", "submitted")
_RUN_IMPORTANCE = ("run", "state", "budget", "params", "loss", "shape", "error", "tokens", "role", "seed")
_FORECAST_IMPORTANCE = ("flops", "predicted", "actual", "inside", "low", "high", "interval_of")

if TYPE_CHECKING:
    from orchestrator.client import ListedSweep
    from orchestrator.store import RunRecord, StoredForecast
    from orchestrator.use_cases.reading import SweepRuns


def list_sweeps(output: Output = Format.TABLE) -> None:
    """List the sweeps, the latest first."""
    rows = _sweep_rows()
    if not rows and output is Format.TABLE:
        say("no sweep yet; start one with: isoflop run demo")
        return
    columns = ["name", "revision", "state", "done", "failed", "total", "flops_spent", "flops_planned", "submitted"]
    emit_rows(rows, columns if output is Format.TABLE else [*columns, "note"], output, importance=_SWEEP_IMPORTANCE)
    for row in rows:
        if row["note"]:
            say(f"sweep {row['name']}@{row['revision'][:8]}: {row['note']}")


def show(sweep: SweepName, output: Output = Format.TABLE) -> None:
    """Show a sweep's runs and forecasts.

    Each run has its state, size and loss, and its predicted and actual seconds. Runs in training that share a device,
    as one computation or side by side, are named.
    """
    from orchestrator.cli.adapting import round_rows
    from orchestrator.scheduling.durations import median_error
    from orchestrator.scheduling.progress import mixed_devices

    found = _runs_of(sweep, SHOWN if output is Format.TABLE else None)
    record, runs = found.sweep, found.runs
    rows, error = [_run_row(run) for run in runs], median_error(runs)
    forecasts = [_forecast_row(f) for f in found.forecasts]
    if output is Format.JSON:
        emit_json(
            {
                "sweep": record.name,
                "revision": record.revision,
                "note": record.note,
                "seconds_error": error,
                "rounds": [each.to_dict() for each in record.rounds],
                "shared": [asdict(each) for each in found.shared],
                "devices": [asdict(each) for each in found.devices],
                "runs": rows,
                "forecasts": forecasts,
            }
        )
        return
    _emit_runs(rows, sorted({f"loss.{name}" for run in runs for name in run.sets}), output)
    if len(runs) == SHOWN:
        say(f"only the first {SHOWN} runs are shown; -o csv and -o json have all")
    if error is not None:
        say(f"the median difference between predicted and actual seconds is {error:.0%}")
    for line in mixed_devices(runs):
        say(line)
    for line in _sharing(found):
        say(line)
    if record.rounds and output is Format.TABLE:
        shown = round_rows(record.rounds)
        emit_rows(shown, list(shown[0]), output, "Rounds")
    if record.note:
        say(f"sweep {record.name}: {record.note}")
    if forecasts and output is Format.TABLE:
        columns = list(dict.fromkeys(name for row in forecasts for name in row))
        emit_rows(forecasts, columns, output, "Forecasts", _FORECAST_IMPORTANCE)
    if any(run.cell and run.cell.trunk for run in runs):
        say(_spent_line(runs))


def _sharing(found: SweepRuns) -> Iterator[str]:
    """Which runs in training share a worker, and which a device."""
    for each in found.shared:
        yield f"{each.worker} trains {len(each.runs)} runs as one: {join_words(each.runs)}"
    for device in found.devices:
        workers, beside = join_words(device.workers), join_words(device.runs)
        yield f"{device.device} trains {len(device.runs)} runs side by side in {workers}: {beside}"


def _emit_runs(rows: list[dict[str, Any]], sets: list[str], output: Format) -> None:
    """Print the runs; `sets` are the columns of the losses on further validation sets."""
    columns = [
        "run", "role", "state", "budget", "shape", "params", "tokens", "loss", *sets, "seed", "flops_spent",
        "run_seconds", "predicted_seconds", "attempts", "error",
    ]  # fmt: skip
    emit_rows(rows, columns, output, importance=(*_RUN_IMPORTANCE[:5], *sets, *_RUN_IMPORTANCE[5:]))


def export(
    sweep: SweepName,
    out: Annotated[Path, typer.Option("--out", help="CSV file to write; `-` for standard output.")],
) -> None:
    """Write the runs of a sweep as CSV, one row per run."""
    if str(out) != "-":
        check_destination("--out", out)
    frame = open_answering().of(sweep).table
    if str(out) == "-":
        print_text(frame.to_csv(index=False))
        return
    write_text(out, frame.to_csv(index=False))
    say(f"{plural(len(frame), 'run')} written to {out}")


def _sweep_rows() -> list[dict[str, Any]]:
    """A row for each sweep of the service that is named, else of the home."""
    client = open_service()
    return [
        {
            "name": each.name,
            "revision": each.revision,
            "state": each.state,
            "done": each.done,
            "failed": each.failed,
            "total": each.total,
            "flops_spent": each.flops_spent,
            "flops_planned": each.flops_planned,
            "submitted": _time(each.submitted_at),
            "note": each.note,
        }
        for each in (client.sweeps() if client else _stored_sweeps())
    ]


def _stored_sweeps() -> Iterator[ListedSweep]:
    """The sweeps of the home as a service lists them."""
    from orchestrator.client import ListedSweep
    from orchestrator.use_cases.reading import summaries

    counts = ("state", "done", "failed", "total", "flops_spent", "flops_planned")
    for each in summaries(open_workspace(reading=True)):
        sweep, known = each.sweep, {name: getattr(each, name) for name in counts}
        yield ListedSweep(sweep.name, sweep.revision, **known, submitted_at=sweep.submitted_at, note=sweep.note)


def _runs_of(sweep: str, limit: int | None) -> SweepRuns:
    """A sweep of the service that is named, else of the home, with its first runs."""
    client = open_service()
    if client is not None:
        from orchestrator.use_cases.remote import RemoteAnswering

        return RemoteAnswering(client).runs_of(sweep, limit)
    from orchestrator.use_cases.reading import runs_of

    return runs_of(open_workspace(reading=True), sweep, limit=limit)


def _run_row(run: Any) -> dict[str, Any]:
    from orchestrator.scheduling.durations import run_seconds

    cell = run.cell
    return {
        "run": run.id,
        "role": run.role,
        "state": str(run.state),
        "budget": cell and cell.budget,
        "shape": cell and cell.shape,
        "params": cell and cell.params,
        "params_total": cell and cell.params_total,
        "tokens": cell and cell.tokens,
        "loss": run.loss,
        **{f"loss.{name}": loss for name, (loss, _) in sorted(run.sets.items())},
        "seed": cell and cell.seed,
        "flops_spent": run.flops_spent,
        "seconds": None if run.seconds is None else round(run.seconds, 1),
        "run_seconds": None if run.seconds is None else round(run_seconds(run) or 0.0, 1),
        "predicted_seconds": None if run.predicted_seconds is None else round(run.predicted_seconds, 1),
        "attempts": run.fence,
        "error": (run.error or "").strip().splitlines()[-1][:120] if run.error else None,
    }


def _spent_line(runs: Sequence[RunRecord]) -> str:
    from analysis.wording import format_flops

    done = [(run.flops, taken) for run in runs if (taken := run.flops_spent) is not None]
    nominal, spent = sum(flops for flops, _ in done), sum(taken for _, taken in done)
    return f"shared trunks: {format_flops(spent)} FLOPs spent, {format_flops(nominal)} without sharing"


def _forecast_row(forecast: StoredForecast) -> dict[str, Any]:
    from orchestrator.use_cases.loss_key import STORED
    from orchestrator.use_cases.validation_result import PredictedOptimum

    predicted = PredictedOptimum.from_dict(forecast.prediction)
    return {
        "made": _time(forecast.made_at),
        "flops": forecast.flops,
        **({STORED: forecast.prediction[STORED]} if STORED in forecast.prediction else {}),
        "law": forecast.law_id[:12],
        "predicted": predicted.loss,
        "low": predicted.scored_by.low,
        "high": predicted.scored_by.high,
        "interval_of": "run" if predicted.run_interval else "law",
        "actual": forecast.loss,
        "inside": forecast.inside,
        "interval_score": forecast.interval_score,
        "mean_low": predicted.loss_interval.low,
        "mean_high": predicted.loss_interval.high,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")

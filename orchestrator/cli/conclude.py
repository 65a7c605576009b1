"""What a finished sweep amounts to: the fitted law, the report's files, the fit in wandb, the lines to print."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence

from analysis.answers.serial import fit_json
from analysis.figures import Forecast, picture, save
from analysis.law import Law
from analysis.records import LawError, Prediction
from orchestrator.attempts import Tracking
from orchestrator.cli.answer_text import describe, describe_comparison
from orchestrator.scheduling.progress import mixed_devices
from orchestrator.store import SweepRecord
from orchestrator.tracking.sweep_run import SweepLaw, log_sweep, offline_runs
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.provenance import provenance_of
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.workspace import Workspace
from orchestrator.web.report import write_report

HORIZONS = (10.0, 100.0)
"""Predictions of the report, in multiples of the largest budget."""


def conclude(workspace: Workspace, sweep: SweepRecord, command: str, say: Callable[[str], None]) -> int:
    """Fit, write the report, mirror the fit, print the answer. Returns the exit code: 0, or 1 without a law."""
    answers = Answering(workspace).of_record(sweep)
    runs = [r for r in answers.runs if r.role != "validation"]
    undone = [r for r in runs if not r.answered]
    for run in undone:
        say(f"run {run.id} is {run.state}: {(run.error or 'no result').strip().splitlines()[-1]}")
    if undone:
        say(f"{len(runs) - len(undone)} of {len(runs)} runs are done; the fit uses those")
    for line in mixed_devices(runs):
        say(line)
    code, logged = 1 if undone else 0, []
    for variant, law in answers.laws().items():
        found, shown = _conclude_law(workspace, answers, variant, law, command, say)
        code = max(code, found)
        logged.append(shown)
    for line in (*_comparisons(answers), *_mirror(workspace.tracking, sweep, logged)):
        say(line)
    return code


def _mirror(tracking: Tracking, sweep: SweepRecord, laws: Sequence[SweepLaw]) -> Iterator[str]:
    """Log the sweep's own wandb run; yields what went wrong, where wandb writes, and how to upload offline runs."""
    note = log_sweep(tracking, name=sweep.name, revision=sweep.revision, laws=laws)
    if note:
        yield note
    yield f"wandb: {tracking.mode} ({tracking.reason})"
    offline = offline_runs(tracking)
    if offline is not None:
        yield f"  {offline.folder}; upload with: {offline.sync_command}"


def _comparisons(answers: SweepAnswers) -> Iterator[str]:
    """The compute multiplier of each varied value over its axis's first, or why there is none."""
    for axis in answers.spec.vary:
        try:
            for comparison in answers.compare_values(axis):
                yield from describe_comparison(comparison)
        except LawError as error:
            yield f"{axis} cannot be compared: {error}"


def _conclude_law(
    workspace: Workspace, answers: SweepAnswers, variant: str, law: Law, command: str, say: Callable[[str], None]
) -> tuple[int, SweepLaw]:
    """Print and report one law; returns its exit code, and what wandb logs of it."""
    sweep = answers.sweep
    title = f"{sweep.name} {variant}".strip()
    predictions, refusal = _predictions(answers, law, variant)
    for line in describe(law, predictions):
        say(line)
    folder = workspace.home.reports / title.replace(" ", "_").replace("=", "-").replace(",", "_")
    files = write_report(
        folder,
        title=title,
        law=law,
        runs=answers.table,
        predictions=predictions,
        provenance=provenance_of(answers, law),
        command=command,
        dropped=sweep.dropped,
        forecasts=[Forecast.of(record) for record in answers.forecasts],
    )
    images = tuple(path for path in files.values() if path.suffix == ".png")
    files["isoflop page"] = save(picture("isoflop", law), folder / "isoflop.html")
    shown = SweepLaw(variant, law.law_id, fit_json(law), images, (files["isoflop page"], files["report"]))
    for path in sorted(files.values()):
        say(f"  {path}")
    if refusal:
        say(f"no law: {refusal}")
        return 1, shown
    _next_commands(sweep, variant, law, say)
    return 0, shown


def _predictions(answers: SweepAnswers, law: Law, variant: str) -> tuple[list[Prediction], str]:
    largest = max((curve.flops for curve in law.curves), default=0.0)
    try:
        chosen = answers.variant(variant)
        return [answers.with_shape(chosen, law.predict(largest * h)) for h in HORIZONS], ""
    except LawError as error:
        return [], str(error)


def _next_commands(sweep: SweepRecord, variant: str, law: Law, say: Callable[[str], None]) -> None:
    largest = max(curve.flops for curve in law.curves)
    isoflop = "isoflop" if shutil.which("isoflop") else os.path.relpath(sys.argv[0])
    which = f"{sweep.name} --variant {shlex.quote(variant)}" if variant else sweep.name
    say("next:")
    say(f"  {isoflop} predict {which} --flops {largest * 10:.3g}")
    say(f"  {isoflop} validate {which} --flops {largest * 3:.3g}")
    say(f"  {isoflop} plot {which} --out {sweep.name}.svg")

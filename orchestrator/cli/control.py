"""The verbs that steer submitted sweeps: submit, cancel, pause, resume, retry, watch, logs, trunks, db."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.opening import open_workspace
from orchestrator.cli.output import Format, emit_json, emit_rows, say
from orchestrator.cli.planning import Output, Overrides, SweepFile, sweep_path
from orchestrator.cli.reading import SweepName

WATCH_SECONDS = 1.0
"""Pause between two looks."""
LOG_COLUMNS = ("attempt", "kind", "step", "tokens", "loss", "validation_loss", "elapsed", "cause", "detail")


class Action(StrEnum):
    """What `isoflop db` does."""

    STATUS = "status"
    BACKUP = "backup"
    COPY = "copy"


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    for verb in (submit, watch, logs, cancel, pause, resume, retry, trunks, db):
        app.command()(verb)


def submit(
    sweep: SweepFile,
    overrides: Overrides = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="Train finished runs again, too.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Submit a sweep to the service at ISOFLOP_URL and return at once. Submitting it twice does nothing."""
    from orchestrator.client import Client, service_client

    client = service_client() or Client("http://127.0.0.1:8337")
    answer = client.submit(sweep_path(sweep).read_bytes(), overrides or [], rerun=rerun)
    if output is Format.JSON:
        emit_json(answer)
        return
    row = {k: answer[k] for k in ("name", "revision", "total", "done", "queued")}
    emit_rows([row], list(row), output)
    name = answer["name"]
    say(f"next:\n  isoflop watch {name}\n  isoflop fit {name}\n  {client.url}/sweeps/{name}")


def cancel(sweep: SweepName) -> None:
    """Cancel a sweep: queued runs at once, those in training leave a checkpoint. `retry` takes it up again."""
    _act("cancel", sweep)


def pause(sweep: SweepName) -> None:
    """Give a sweep no worker until it is resumed; runs in training leave a checkpoint."""
    _act("pause", sweep)


def resume(sweep: SweepName) -> None:
    """Let a paused sweep go on."""
    _act("resume", sweep)


def retry(sweep: SweepName) -> None:
    """Queue a sweep's failed and cancelled runs once more, from their checkpoints."""
    _act("retry", sweep)


def _act(action: str, sweep: str) -> None:
    from orchestrator.client import service_client
    from orchestrator.use_cases.control import ACTIONS

    client = service_client()
    say(client.control(sweep, action) if client else ACTIONS[action](open_workspace(), sweep))


def watch(sweep: SweepName) -> None:
    """Follow a sweep until nothing of it is left to train. Exit code 1 if a run has no result."""
    from orchestrator.cli.display import watching

    with watching() as observe:
        for progress in _looks(sweep):
            observe(progress)
            if progress.finished or progress.held:
                break
            time.sleep(WATCH_SECONDS)
    if progress.held:
        say(f"sweep {sweep} is {progress.held}")
    raise typer.Exit(0 if progress.done == progress.total else 1)


def _looks(sweep: str) -> Any:
    """How far the sweep is, again and again."""
    from orchestrator.client import service_client
    from orchestrator.scheduling.progress import progress_from_json
    from orchestrator.use_cases.answering import Answering
    from orchestrator.use_cases.control import live_progress
    from orchestrator.use_cases.execution import Execution

    client = service_client()
    if client is not None:
        while True:
            yield progress_from_json(client.sweep(sweep))
    workspace = open_workspace()
    execution, record = Execution(workspace), Answering(workspace).sweep(sweep)
    while True:
        yield execution.progress(record, live_progress(workspace))


def logs(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, or the beginning of one.")],
    attempt: Annotated[int | None, typer.Option("--attempt", help="Only this attempt.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Show what a run's attempts logged, and why each ended."""
    from orchestrator.client import service_client
    from orchestrator.use_cases.control import run_log_json

    client = service_client()
    rows = client.log(run, attempt) if client else list(run_log_json(open_workspace(), run, attempt))
    if output is Format.JSON:
        emit_json(rows)
        return
    short = [{k: _short(v) for k, v in row.items() if k in LOG_COLUMNS or k == "number"} for row in rows]
    for row in short:
        row["attempt"] = row.pop("number", row.get("attempt"))
    emit_rows(short, list(LOG_COLUMNS), output)


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    lines = str(value).strip().splitlines() if isinstance(value, str) else []
    return lines[-1][:100] if lines else value


def trunks(
    sweep: Annotated[str | None, typer.Argument(metavar="[SWEEP]", help="Only those of this sweep's runs.")] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Delete their states.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Show the kept states of shared trunks and the space that they take; a larger sweep goes on from them."""
    from orchestrator.use_cases.kept_trunks import drop_trunks, kept_trunks

    workspace = open_workspace()
    kept = kept_trunks(workspace, sweep)
    rows = [each.to_dict() for each in kept]
    if output is Format.JSON:
        emit_json(rows)
    elif rows:
        emit_rows([r | {"steps": " ".join(map(str, r["steps"]))} for r in rows], list(rows[0]), output)
    size = sum(each.bytes for each in kept)
    if drop:
        drop_trunks(workspace, [each.trunk for each in kept])
    say(f"{len(kept)} trunks, {size / 1e6:.3g} MB{', deleted' if drop else ''}")


def db(
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.STATUS,
    to: Annotated[str, typer.Option("--to", help="backup: file to write; copy: URL of an empty database.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """Show the database; back it up while it is used; copy it to another one, such as PostgreSQL."""
    from orchestrator.use_cases import database

    workspace = open_workspace()
    if action is Action.STATUS:
        facts = database.status(workspace)
        emit_json(facts) if output is Format.JSON else emit_rows([facts], list(facts), output)
        return
    if not to:
        raise typer.BadParameter(f"db {action} needs --to")
    if action is Action.BACKUP:
        database.backup(workspace, Path(to))
        say(f"the database is in {to}; artifacts and runs are folders of {workspace.home.root}")
        return
    say(f"{database.copy(workspace, to)} rows copied; from now on set ISOFLOP_DATABASE_URL")

"""The verbs that steer submitted sweeps: submit, cancel, pause, resume, retry, watch, logs, trunks, db."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.wording import plural
from orchestrator.cli.adapting import adaptive_of
from orchestrator.cli.destination import check_destination
from orchestrator.cli.opening import open_workspace
from orchestrator.cli.options import Output, Overrides, Rerun, RunId, SweepFile, SweepName, expand
from orchestrator.cli.output import Format, emit_json, emit_rows, say
from orchestrator.cli.planning import sweep_path
from orchestrator.states import RunState

if TYPE_CHECKING:
    from orchestrator.scheduling.progress import Progress
    from orchestrator.use_cases.workspace import Workspace

LOG_COLUMNS = ("attempt", "kind", "step", "tokens", "loss", "validation_loss", "elapsed", "cause", "detail")


class Action(StrEnum):
    """What `isoflop db` does."""

    STATUS = "status"
    BACKUP = "backup"
    COPY = "copy"
    CHECK = "check"


@expand(adaptive=adaptive_of)
def submit(
    sweep: SweepFile,
    adaptive: list[str],
    overrides: Overrides = None,
    rerun: Rerun = False,
    output: Output = Format.TABLE,
) -> None:
    """Submit a sweep to the service at ISOFLOP_URL and return at once.

    Submitting it twice does nothing.
    """
    from orchestrator.client import local_client, service_client

    client = service_client() or local_client()
    answer = client.submit(sweep_path(sweep).read_bytes(), [*(overrides or []), *adaptive], rerun=rerun)
    if output is Format.JSON:
        emit_json(answer)
        return
    with client.understood():
        row = {name: answer[name] for name in ("name", "revision", "total", "done", "queued")}
    emit_rows([row], list(row), output)
    name = answer["name"]
    say(f"next:\n  isoflop watch {name}\n  isoflop fit {name}\n  {client.url}/sweeps/{name}")


def cancel(sweep: SweepName) -> None:
    """Cancel a sweep; `retry` continues it.

    Queued runs are cancelled at once; runs in training leave a checkpoint first.
    """
    _act("cancel", sweep)


def pause(sweep: SweepName) -> None:
    """Give a sweep no workers until it is resumed.

    Runs in training leave a checkpoint first.
    """
    _act("pause", sweep)


def resume(sweep: SweepName) -> None:
    """Continue a paused sweep."""
    _act("resume", sweep)


def retry(sweep: SweepName) -> None:
    """Queue a sweep's failed and cancelled runs again.

    They continue from their checkpoints.
    """
    _act("retry", sweep)


def _act(action: str, sweep: str) -> None:
    from orchestrator.client import service_client
    from orchestrator.use_cases.control import ACTIONS

    client = service_client()
    say(client.control(sweep, action) if client else ACTIONS[action](open_workspace(), sweep, None))


def watch(sweep: SweepName) -> None:
    """Follow a sweep until no run is left to train.

    Exit code 1 if a run has no result, or if nobody schedules the runs.
    """
    from orchestrator.cli.watching import watching
    from orchestrator.use_cases.following import NOBODY, follow

    with watching() as observe:
        progress = follow(_readings(sweep), observe)
    if progress.held:
        say(f"sweep {sweep} is {progress.held}")
    elif not progress.finished:
        say(f"{NOBODY}: start `isoflop serve`, or `isoflop run` with the sweep's file")
    raise typer.Exit(0 if progress.done == progress.total else 1)


def _readings(sweep: str) -> Iterator[Progress]:
    """The sweep's progress, read again and again without end."""
    from orchestrator.cli.output import away
    from orchestrator.client import service_client
    from orchestrator.scheduling.progress import progress_from_json
    from orchestrator.use_cases.answering import Answering
    from orchestrator.use_cases.following import readings

    client = service_client()
    if client is None:
        workspace = open_workspace(reading=True)
        yield from readings(workspace, Answering(workspace).sweep(sweep))
        return
    for said in client.watch(sweep, away):
        with client.understood():
            progress = progress_from_json(said)
        yield progress
    raise client.stranger()  # whose last progress said that it was finished, and was not


def logs(
    run: RunId,
    attempt: Annotated[int | None, typer.Option("--attempt", help="Only this attempt.")] = None,
    grows: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the run has ended.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Show what a run's attempts logged, and why each ended."""
    from orchestrator.cli.log_lines import follow

    state, read = _log_of(run, attempt)
    if grows:
        follow(state, read, output)
        return
    rows = read()
    if output is Format.JSON:
        emit_json(rows)
        return
    short = [{k: _short(v) for k, v in row.items() if k in LOG_COLUMNS or k == "number"} for row in rows]
    for row in short:
        row["attempt"] = row.pop("number", row.get("attempt"))
    emit_rows(short, list(LOG_COLUMNS), output, importance=("attempt", "kind", "step", "loss", "cause", "detail"))


def _log_of(run: str, attempt: int | None) -> tuple[Callable[[], RunState], Callable[[], list[dict[str, Any]]]]:
    """What tells a run's state and its log at the moment, of the service that is named or of the home."""
    from orchestrator.cli.output import away
    from orchestrator.client import Patience, service_client
    from orchestrator.use_cases.control import run_log_json
    from orchestrator.use_cases.run_facts import run_json

    client = service_client()
    if client is None:
        workspace = open_workspace(reading=True)
        return lambda: RunState(run_json(workspace, run)["state"]), lambda: list(run_log_json(workspace, run, attempt))
    patience = Patience(away)

    def state() -> RunState:
        with client.understood():
            return RunState(client.run(run)["state"])

    return lambda: patience.ask(state), lambda: patience.ask(lambda: client.log(run, attempt))


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    lines = str(value).strip().splitlines() if isinstance(value, str) else []
    return lines[-1][:100] if lines else value


def trunks(
    sweep: Annotated[str | None, typer.Argument(metavar="SWEEP", help="Only trunks of this sweep's runs.")] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Delete their states.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Show the kept states of shared trunks, and their size.

    A larger sweep continues from them.
    """
    from orchestrator.use_cases.kept_trunks import drop_trunks, kept_trunks

    workspace = open_workspace(reading=not drop)
    kept = kept_trunks(workspace, sweep)
    rows = [each.to_dict() for each in kept]
    if output is Format.JSON:
        emit_json(rows)
    elif rows:
        shown = [row | {"steps": " ".join(map(str, row["steps"]))} for row in rows]
        emit_rows(shown, list(shown[0]), output, importance=("trunk", "bytes"))
    size = sum(each.bytes for each in kept)
    if drop:
        drop_trunks(workspace, [each.trunk for each in kept])
    say(f"{plural(len(kept), 'trunk')}, {size / 1e6:.3g} MB{', deleted' if drop else ''}")


def db(
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.STATUS,
    to: Annotated[str, typer.Option("--to", help="backup: file to write; copy: URL of an empty database.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """Show, check, back up or copy the database.

    It can be backed up while it is in use, and copied to another one, such as PostgreSQL. check finds what contradicts
    itself or the artifacts, and ends with exit code 1 if it finds anything.
    """
    from orchestrator.use_cases import database

    workspace = open_workspace(reading=True)
    if action is Action.STATUS:
        facts = database.status(workspace)
        emit_json(facts) if output is Format.JSON else emit_rows([facts], list(facts), output)
        return
    if action is Action.CHECK:
        _check(workspace, output)
        return
    if not to:
        raise typer.BadParameter(f"db {action} needs --to")
    if action is Action.BACKUP:
        check_destination("--to", Path(to))
        database.backup(workspace, Path(to))
        say(f"the database is copied to {to}; artifacts and runs stay in folders of {workspace.home.root}")
        return
    say(f"{plural(database.copy(workspace, to), 'row')} copied; from now on set ISOFLOP_DATABASE_URL")


def _check(workspace: Workspace, output: Format) -> None:
    """Show what contradicts itself. Raises Exit with 1 if anything does."""
    from orchestrator.use_cases.checking import checked

    found = [{"subject": each.subject, "finding": each.finding} for each in checked(workspace)]
    if found or output is not Format.TABLE:
        emit_rows(found, ["subject", "finding"], output)
    if found:
        say(
            f"{plural(len(found), 'contradiction')}: restore a backup, or train the runs again with isoflop run --rerun"
        )
        raise typer.Exit(1)
    say("pages, rows, datasets and logged results fit together")

"""The verbs that lay out and execute sweeps: plan, run, validate."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from importlib import resources
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.output import Format, emit_json, emit_rows, say, stderr

if TYPE_CHECKING:
    from orchestrator.service import Planned, Service
    from sweeps.expect import Expected
    from sweeps.plan import Plan

SweepFile = Annotated[str, typer.Argument(metavar="SWEEP.yaml", help="Sweep file, or the name of a built-in sweep.")]
Overrides = Annotated[list[str] | None, typer.Argument(metavar="[key=value …]", help="Keys of the sweep to replace.")]
Variant = Annotated[str, typer.Option("--variant", help="Which combination of varied values: axis=value,…")]
Output = Annotated[Format, typer.Option("-o", "--output", help="Form of the result.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(plan)
    app.command()(run)
    app.command()(validate)


def open_service() -> Service:
    """The use cases over the home of this folder, announced on stderr."""
    from orchestrator.home import find_home
    from orchestrator.service import Service

    home = find_home()
    say(f"state: {home.root} ({home.reason})")
    return Service(home, say=say)


def plan(sweep: SweepFile, overrides: Overrides = None, output: Output = Format.TABLE) -> None:
    """Show what would run: cells, drop reasons, FLOPs, epochs, memory, time, expected interval. Starts nothing."""
    from orchestrator.cli.display import show_expected, show_plan

    service = open_service()
    planned = service.plan(sweep_path(sweep), overrides or [])
    if output is Format.TABLE:
        show_plan(planned)
        show_expected(service.expect(planned))
    elif output is Format.JSON:
        emit_json(plan_json(planned.plan, service.expect(planned)))
    else:
        rows = plan_json(planned.plan)["runs"]
        emit_rows(rows, list(rows[0]) if rows else [], output)


def run(
    sweep: SweepFile,
    overrides: Overrides = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before starting.")] = False,
    rerun: Annotated[bool, typer.Option("--rerun", help="Train finished runs again, too.")] = False,
) -> None:
    """Plan, train, fit and report a sweep here and now. Typing it again continues or repeats nothing."""
    from orchestrator.cli.display import show_expected, show_plan, watching
    from orchestrator.driver import check_free
    from orchestrator.outcome import conclude

    _stop_on_terminate()
    service = open_service()
    planned = service.plan(sweep_path(sweep), overrides or [])
    show_plan(planned)
    show_expected(service.expect(planned))
    if not planned.plan.runs:
        say("no cell survives: nothing to run")
        raise typer.Exit(1)
    if not yes and not _confirm(planned):
        raise typer.Exit(130)
    check_free(service.home.lock)
    record = service.submit(planned, rerun=rerun)
    with watching() as observe:
        service.execute(record, planned.device, observe)
    if held := service.progress(record).held:
        say(f"sweep {record.name} is {held}")
    command = " ".join(["isoflop run", sweep, *(overrides or []), "--yes"])
    raise typer.Exit(conclude(service, record, command, say))


def validate(
    sweep: Annotated[str, typer.Argument(metavar="SWEEP", help="Name of a finished sweep.")],
    flops: Annotated[float, typer.Option("--flops", help="Budget to forecast and then train, training FLOPs.")],
    variant: Variant = "",
    output: Output = Format.TABLE,
) -> None:
    """Store a forecast at a larger budget, train the predicted optimum, and score the forecast."""
    from orchestrator.cli.display import watching
    from orchestrator.outcome import validation_rows

    _stop_on_terminate()
    service = open_service()
    with watching() as observe:
        result = service.validate(sweep, flops, observe, variant)
    if result.score is None:
        say(f"the run ended as {result.run.state}: {result.run.error or 'no loss'}")
        raise typer.Exit(1)
    row = validation_rows(result)
    emit_rows([row], list(row), output) if output is not Format.JSON else emit_json(row)


def plan_json(plan: Plan, expected: Sequence[Expected] = ()) -> dict[str, Any]:
    """A plan as JSON: its runs, dropped cells, warnings and totals, and the intervals to expect of its forecasts."""
    rows = []
    for planned in plan.runs:
        row = {f.name: getattr(planned, f.name) for f in fields(planned) if f.name != "run"}
        rows.append({"run": planned.run_id, **row, "lr": planned.run.train.lr})
    most, kept = plan.trunk_bytes
    totals = {
        "runs": len(rows),
        "flops": plan.flops,
        "flops_spent": plan.flops_spent,
        "seconds": plan.seconds,
        "trunk_bytes": most,
        "trunk_bytes_kept": kept,
    }
    dropped = [asdict(cell) for cell in plan.dropped]
    widths = [asdict(one) | {"refusal": one.refusal or None} for one in expected]
    return {
        "sweep": plan.spec.name,
        "runs": rows,
        "dropped": dropped,
        "warnings": plan.warnings,
        "totals": totals,
        "expected": widths,
    }


def sweep_path(sweep: str) -> Path:
    """A path as it is; the bare name of a built-in sweep as that file."""
    path = Path(sweep)
    built_in = Path(str(resources.files("sweeps.conf") / f"{sweep}.yaml"))
    return built_in if sweep.isidentifier() and built_in.exists() and not path.exists() else path


def _confirm(planned: Planned) -> bool:
    if not sys.stdin.isatty():
        say("no terminal to ask on: pass --yes to start")
        raise typer.Exit(2)
    return typer.confirm(f"Start these {len(planned.plan.runs)} runs?", err=True)


def _stop_on_terminate() -> None:
    """SIGTERM ends like Ctrl-C: runs leave a checkpoint and are queued again."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    stderr.show_cursor(True)

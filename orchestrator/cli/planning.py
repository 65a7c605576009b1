"""The verbs that lay out and execute sweeps: plan, run, validate."""

from __future__ import annotations

import json
import shlex
import sys
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.wording import plural
from orchestrator.cli.adapting import adaptive_of, naming_options
from orchestrator.cli.destination import check_destination, write_text
from orchestrator.cli.opening import open_workspace
from orchestrator.cli.options import Output, Overrides, Rerun, SweepFile, SweepLossKey, Variant, check_positive, expand
from orchestrator.cli.output import Format, emit_json, emit_rows, say, width_of

_VALIDATION_IMPORTANCE = (
    "flops", "size", "predicted_loss", "low", "high", "actual_loss", "inside", "trained_params", "interval_of",
)  # fmt: skip

if TYPE_CHECKING:
    from orchestrator.store import SweepRecord
    from orchestrator.use_cases.hours import Judged
    from orchestrator.use_cases.planning import Planned
    from orchestrator.use_cases.workspace import Workspace
    from sweeps.plan.other_device import OtherDevice


def other_device_of(
    device: Annotated[
        str | None, typer.Option("--device", help="Plan for this device instead of this machine: h100, a100, …")
    ] = None,
    devices: Annotated[
        int, typer.Option("--devices", min=1, max=1_000_000, help="With --device: how many, one run each.")
    ] = 1,
    mfu: Annotated[
        float | None,
        typer.Option("--mfu", help="Share of the device's peak reached. Default: by size (docs/concepts.md)."),
    ] = None,
    device_tflops: Annotated[
        float | None, typer.Option("--device-tflops", help="Dense 16-bit peak of a device that isoflop does not know.")
    ] = None,
) -> OtherDevice | None:
    """The device to plan for; None for this machine."""
    from analysis.devices import hardware
    from sweeps.plan.other_device import OtherDevice

    if device is None and device_tflops is None:
        if mfu is not None or devices > 1:
            raise typer.BadParameter("--mfu and --devices need --device or --device-tflops")
        return None
    found = hardware(device or "", utilisation=mfu, tflops=device_tflops)
    return OtherDevice(found.device, mfu, devices)


@expand(other=other_device_of, adaptive=adaptive_of)
def plan(
    sweep: SweepFile,
    other: OtherDevice | None,
    adaptive: list[str],
    overrides: Overrides = None,
    hours: Annotated[
        float | None,
        typer.Option("--hours", help="Choose a grid that fills these hours and gives a law."),
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option("--runs", help="Write the runs here, for python -m model.train --plan."),
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Show whether the grid gives a law, and what would run.

    Shows cells, why some are dropped, FLOPs, epochs, memory, time, and the interval to expect. Starts nothing; exit
    code 1 if no law is to be expected.
    """
    from orchestrator.cli.display import show_hours, show_plan, show_verdict
    from orchestrator.use_cases.hours import plan_and_judge
    from orchestrator.use_cases.planning import Planning

    check_positive("--hours", hours)
    if runs is not None:
        check_destination("--runs", runs)
    typed = overrides or []
    with naming_options(adaptive, len(typed)):
        judged = plan_and_judge(Planning(open_workspace()), sweep_path(sweep), [*typed, *adaptive], hours, other)
    planned = judged.planned
    if runs is not None:
        records = [{"run": r.run.to_dict(), "budget": r.budget, "size_id": r.size_id} for r in planned.plan.runs]
        write_text(runs, json.dumps(records, indent=1) + "\n")
        say(f"written: {runs}")
    if output is Format.TABLE:
        show_verdict(judged)
        show_plan(planned)
        show_hours(planned)
        _show_outlook(judged)
    elif output is Format.JSON:
        from orchestrator.use_cases.plan_json import judged_json

        emit_json(judged_json(judged))
    else:
        rows = [run.to_dict() for run in planned.plan.all_runs]
        rows = [{key: value for key, value in row.items() if key != "checks"} for row in rows]
        emit_rows(rows, list(rows[0]) if rows else [], output)
    _exit_without_law(judged, said=output is Format.TABLE)


def _show_judged(judged: Judged) -> None:
    """Print a plan before it starts: the verdict, the runs, and what to expect of them."""
    from orchestrator.cli.display import show_plan, show_verdict

    show_verdict(judged)
    show_plan(judged.planned)
    _show_outlook(judged)


def _show_outlook(judged: Judged) -> None:
    """Print the intervals to expect: a grid's at multiples of its largest budget, an adaptive sweep's as it spends."""
    from orchestrator.cli.adapting import show_course
    from orchestrator.cli.display import show_expected

    if judged.planned.rounds:
        show_course(judged.planned)
    else:
        show_expected(judged.expected, judged.noise)


def _exit_without_law(judged: Judged, *, said: bool) -> None:
    """Exit with 1 where the plan gives no law, with the reason unless it was `said`."""
    if not judged.verdict.gives_law:
        if not said:
            say(f"no law: {judged.verdict.reason}")
        if not judged.planned.plan.runs:
            say("every cell was dropped: nothing would run")
        raise typer.Exit(1)


@expand(adaptive=adaptive_of)
def run(
    sweep: SweepFile,
    adaptive: list[str],
    overrides: Overrides = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before starting.")] = False,
    rerun: Rerun = False,
) -> None:
    """Plan, train, fit and report a sweep here and now.

    Typed again, it continues where it stopped and repeats no finished run. Beside `isoflop serve` in the same home it
    leaves the training to it and follows. With --until it chooses its runs round by round; exit code 1 if the
    precision is not reached.
    """
    from orchestrator.cli.conclude import conclude
    from orchestrator.use_cases.execution import Execution
    from orchestrator.use_cases.hours import plan_and_judge
    from orchestrator.use_cases.planning import Planning

    workspace = open_workspace()
    typed = overrides or []
    overrides = [*typed, *adaptive]
    with naming_options(adaptive, len(typed)):
        judged = plan_and_judge(Planning(workspace), sweep_path(sweep), overrides)
    planned = judged.planned
    _show_judged(judged)
    if not planned.plan.runs:
        say("every cell was dropped: nothing to run")
        raise typer.Exit(1)
    if not yes and not confirmed(planned):
        raise typer.Exit(130)
    record = train_or_follow(workspace, planned, "the sweep", rerun=rerun)
    if held := Execution(workspace).progress(record).held:
        say(f"sweep {record.name} is {held}")
    command = shlex.join(["isoflop", "run", sweep, *overrides, "--yes"])
    raise typer.Exit(conclude(workspace, record, command, say, width_of(sys.stderr)))


def train_or_follow(workspace: Workspace, planned: Planned, what: str, *, rerun: bool = False) -> SweepRecord:
    """Submit a plan and train what is left of it, or follow the service that does; messages call it `what`."""
    from orchestrator.cli.watching import watching
    from orchestrator.use_cases.adapting import Adapting
    from orchestrator.use_cases.execution import Execution
    from orchestrator.use_cases.following import follow, readings
    from orchestrator.use_cases.submission import submit

    execution = Execution(workspace)
    served = execution.served()
    if not served:
        execution.check_free()
    record = submit(workspace, planned, rerun=rerun)
    if planned.rounds and len(record.rounds) > 1:
        say(f"it goes on after {plural(len(record.rounds), 'round')}")
    with watching() as observe:
        if served:
            say(f"a service schedules in this home and trains {what}; Ctrl-C only ends watching it")
            follow(readings(workspace, record), observe)
        else:
            execution.execute(record, planned.device, observe, lambda: Adapting(workspace).advance(record))
    return record


def validate(
    sweep: Annotated[str, typer.Argument(metavar="SWEEP", help="Name of a finished sweep.")],
    flops: Annotated[float, typer.Option("--flops", help="Budget to forecast and then train, training FLOPs.")],
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=100, help="Runs of the predicted optimum.")] = 1,
    neighbours: Annotated[
        bool, typer.Option("--neighbours", help="Also train half and twice the predicted size.")
    ] = False,
    max_tokens: Annotated[
        float | None, typer.Option("--max-tokens", help="Train on this many different tokens alone, however often.")
    ] = None,
    variant: Variant = "",
    loss_key: SweepLossKey = "",
    output: Output = Format.TABLE,
) -> None:
    """Store a forecast, train its optimum, and score the forecast.

    Each run is held against the forecast's interval of one run; that of the mean of many runs is shown beside it.
    Where the data has too few tokens for the optimum, the best model for them is forecast and trained.
    """
    from orchestrator.cli.conclude import nearby
    from orchestrator.cli.reports import write_reports
    from orchestrator.cli.watching import watching
    from orchestrator.use_cases.answering import Answering
    from orchestrator.use_cases.validation import validate as carry_out
    from orchestrator.use_cases.validation_result import validation_rows, verdict

    check_positive("--flops", flops)
    check_positive("--max-tokens", 1 if max_tokens is None else max_tokens)
    workspace, asked = open_workspace(), partial(carry_out, max_tokens=max_tokens, loss_key=loss_key)
    with watching() as observe:
        result = asked(workspace, sweep, flops, observe, variant, seeds=seeds, neighbours=neighbours)
    for one in result.trained:
        if one.run.loss is None:
            say(f"run {one.run.id} ended as {one.run.state}: {one.run.error or 'no loss'}")
    rows = [row.to_dict() for row in validation_rows(result)]
    emit_rows(rows, list(rows[0]), output, importance=_VALIDATION_IMPORTANCE)
    for sentence in verdict(result):
        say(sentence)
    answers = Answering(workspace).of(sweep)
    for written in write_reports(workspace, answers, answers.laws()).values():
        say(f"the report has the forecast now: {nearby(written.pages[-1])}")
    if not result.complete:
        raise typer.Exit(1)


def sweep_path(sweep: str) -> Path:
    """A path as it is; the bare name of a built-in sweep as that file."""
    from sweeps.file.check import NAME

    path = Path(sweep)
    built_in = Path(str(resources.files("sweeps.conf") / f"{sweep}.yaml"))
    return built_in if NAME.fullmatch(sweep) and built_in.exists() and not path.exists() else path


def confirmed(planned: Planned) -> bool:
    """Whether the user wants a plan to start. Raises Exit where there is nobody to ask."""
    if not sys.stdin.isatty():
        say("no terminal to ask on: pass --yes to start")
        raise typer.Exit(2)
    return typer.confirm(f"Start {plural(len(planned.plan.all_runs), 'run')}?", err=True)

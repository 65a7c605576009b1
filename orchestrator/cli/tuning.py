"""The verb that searches a recipe's settings: tune."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from analysis.wording import plural, typed_flops
from orchestrator.cli.opening import open_workspace
from orchestrator.cli.options import Output, Overrides, SweepFile, check_positive
from orchestrator.cli.output import Format, say
from orchestrator.cli.planning import confirmed, sweep_path

if TYPE_CHECKING:
    from orchestrator.use_cases.planning import Planned


def tune(
    sweep: SweepFile,
    overrides: Overrides = None,
    spend: Annotated[
        float | None,
        typer.Option("--spend", help="Training FLOPs that all trials may spend. Default: a dozen trials a cell."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before starting.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Search a recipe."""
    from orchestrator.cli.display import show_plan
    from orchestrator.cli.watching import watching
    from orchestrator.use_cases.adapting import Adapting
    from orchestrator.use_cases.execution import Execution
    from orchestrator.use_cases.following import follow, readings
    from orchestrator.use_cases.submission import submit
    from orchestrator.use_cases.tuning import Tuning

    check_positive("--spend", spend)
    workspace = open_workspace()
    execution, tuning = Execution(workspace), Tuning(workspace)
    planned = tuning.plan(sweep_path(sweep), overrides or [], spend)
    show_plan(planned)
    if not yes and not confirmed(planned):
        raise typer.Exit(130)
    served = execution.served()
    if not served:
        execution.check_free()
    record = submit(workspace, planned)
    with watching() as observe:
        if served:
            follow(readings(workspace, record), observe)
        else:
            execution.execute(record, planned.device, observe, lambda: Adapting(workspace).advance(record))

"""The verbs of classes: class enrol and show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.boards import short_text
from orchestrator.cli.opening import open_service, open_workspace
from orchestrator.cli.options import Output, check_positive
from orchestrator.cli.output import Format, emit_rows, say
from orchestrator.people import LONGEST_DAYS, Quota

CLASS_SHOWN = ("user", "quota_flops", "flops_spent", "flops_reserved", "flops_refunded", "flops_left", "entries")
ROSTER_BYTES = 256 * 1024
"""Largest roster."""

Number = float | None


def enrol(
    roster: Annotated[Path, typer.Argument(metavar="ROSTER", help="File with a name on each line.")],
    group: Annotated[str, typer.Option("--group", help="Name of the class.")],
    flops: Annotated[Number, typer.Option("--flops", help="Quota of training FLOPs of each.")] = None,
    hours: Annotated[Number, typer.Option("--hours", max=1e12, help="Quota of device-hours of each.")] = None,
    sweeps: Annotated[
        int | None, typer.Option("--sweeps", min=0, max=1_000_000, help="Unfinished sweeps each.")
    ] = None,
    days: Annotated[Number, typer.Option("--days", max=LONGEST_DAYS, help="Days until the tokens expire.")] = None,
) -> None:
    """Make an account for each name of a roster, with equal quotas.

    All are made or none. Their tokens are printed once, as a table in CSV.
    """
    from orchestrator.use_cases.accounts import operator
    from orchestrator.use_cases.classes import enrol as enrol_class
    from orchestrator.use_cases.classes import names_of

    check_positive("--flops", flops)
    check_positive("--hours", hours)
    check_positive("--days", days)
    names, client = names_of(short_text(roster, ROSTER_BYTES, "ROSTER")), open_service()
    if client:
        handed = client.enrol(group, names, flops=flops, hours=hours, sweeps=sweeps, days=days)
    else:
        workspace = open_workspace()
        quota = Quota(flops, None if hours is None else hours * 3600, sweeps)
        made = enrol_class(workspace, group, names, quota, days, operator(workspace))
        handed = [{"user": user, "token": token} for user, token in made.items()]
    emit_rows(handed, ("user", "token"), Format.CSV)
    say(f"{len(handed)} accounts in {group}. These tokens are shown once: each owner sets ISOFLOP_TOKEN to theirs")


def show_class(
    group: Annotated[str, typer.Argument(metavar="CLASS", help="Name of the class.")], output: Output = Format.TABLE
) -> None:
    """Show what each member of a class may take, spent and entered."""
    from orchestrator.use_cases.classes import CLASS_COLUMNS, class_json

    client = open_service()
    rows = client.members(group) if client else class_json(open_workspace(), group)
    emit_rows(rows, CLASS_SHOWN if output is Format.TABLE else CLASS_COLUMNS, output, importance=CLASS_SHOWN)

"""The typer application: every verb, and the options of `isoflop` itself."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from orchestrator.cli.verbs import SETTINGS, add_verbs

app = typer.Typer(
    name="isoflop",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings=SETTINGS,
)
add_verbs(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        import importlib.metadata

        from orchestrator.cli.output import print_lines

        print_lines([f"isoflop {importlib.metadata.version('isoflop')}"])
        raise typer.Exit


@app.callback()
def isoflop(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Ask the service at this address: ISOFLOP_URL for one command."),
    ] = None,
) -> None:
    """For this compute budget, on this data: which model should I train, and what loss will it reach?"""
    if url is not None:
        os.environ["ISOFLOP_URL"] = url

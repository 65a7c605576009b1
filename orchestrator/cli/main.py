"""The command `isoflop`: its options, and the end of every failure with the exit code that `errors.py` gives it."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer

from orchestrator.cli.output import say
from orchestrator.cli.verbs import add_verbs
from orchestrator.errors import INTERRUPTED, OK, USAGE, exit_code_of

app = typer.Typer(
    name="isoflop",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
add_verbs(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        import importlib.metadata

        typer.echo(f"isoflop {importlib.metadata.version('isoflop')}")
        raise typer.Exit


@app.callback()
def isoflop(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """For this compute budget, on this data: which model should I train, and what loss will it reach?"""


def main() -> None:
    """Run the command line; every expected failure ends with one clear message and its exit code."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    try:
        code = app(standalone_mode=False)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = OK
    except KeyboardInterrupt:
        code = _interrupted()
    except Exception as error:  # noqa: BLE001 - mapped to an exit code, or raised again
        code = _explain(error)
    raise SystemExit(code if isinstance(code, int) else OK)


def _interrupted() -> int:
    say("interrupted; type the command again to continue")
    return INTERRUPTED


def _explain(error: Exception) -> int:
    """Print an expected failure and return its exit code; raise any other again."""
    if isinstance(error, typer.Abort):
        return _interrupted()
    show = getattr(error, "show", None)
    if show is not None:  # a usage error of the command line: typer carries its own copy of click
        show()
        return USAGE
    code = exit_code_of(error)
    if code is None:
        raise error
    say(f"{error}")
    return code


if __name__ == "__main__":
    main()

"""The command `isoflop`: its verbs, and what each failure means as an exit code."""

from __future__ import annotations

import logging
import os
import sys

import typer

from orchestrator.cli import answers, comparing, control, core, flops, planning, reading, serving
from orchestrator.cli.output import say
from orchestrator.errors import INTERRUPTED, OK, USAGE, exit_code_of

app = typer.Typer(
    name="isoflop",
    help="For this compute budget, on this data: which model should I train, and what loss will it reach?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
for module in (planning, control, reading, answers, flops, comparing, core, serving):
    module.register(app)


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

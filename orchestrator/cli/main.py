"""The command `isoflop`: its streams, its signals, and the end of every failure with its exit code."""

from __future__ import annotations

import sys

from orchestrator.cli.interrupts import Interrupts, leave, listening
from orchestrator.cli.streams import ReaderGone, mend
from orchestrator.errors import INTERRUPTED, OK, USAGE, exit_code_of
from tokenizer.errors import ExpectedError


def main() -> None:
    """Run the command line; every expected failure ends with one clear message and its exit code."""
    mend()
    with listening() as interrupts:
        try:
            code = _run(interrupts)
        except KeyboardInterrupt:  # while a failure was explained
            code = INTERRUPTED
        if interrupts.count and code == INTERRUPTED:
            leave()
    raise SystemExit(code)


def _run(interrupts: Interrupts) -> int:
    """Carry out the command of `sys.argv`; returns its exit code."""
    try:
        return _ended(interrupts, _carry_out())
    except ReaderGone:
        return OK
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:  # noqa: BLE001 - mapped to an exit code, or raised again
        return _explain(error)


def _carry_out() -> int:
    """Load the verbs, which takes a moment and can be interrupted, and run the one that is asked for."""
    from orchestrator.cli.app import app
    from orchestrator.cli.logs import log_to

    log_to(sys.stderr)
    arguments = url_first(sys.argv[1:])
    _check_text(arguments)
    code = app(arguments, prog_name="isoflop", standalone_mode=False)
    sys.stdout.flush()
    return code if isinstance(code, int) else OK


def url_first(arguments: list[str]) -> list[str]:
    """The arguments with `--url URL`, an option of `isoflop` itself, before the verb, wherever it was typed."""
    typed = arguments[: arguments.index("--")] if "--" in arguments else arguments
    at = next((i for i, each in enumerate(typed) if each == "--url" or each.startswith("--url=")), None)
    if at is None:
        return arguments
    end = at + (2 if arguments[at] == "--url" else 1)
    return [*arguments[at:end], *arguments[:at], *arguments[end:]]


def _check_text(arguments: list[str]) -> None:
    """Refuse arguments that are not text. Raises BadParameter."""
    for argument in arguments:
        if not argument.isprintable() and argument.encode(errors="replace").decode() != argument:
            import typer

            raise typer.BadParameter(f"{argument!r} is not UTF-8")


def _ended(interrupts: Interrupts, code: int) -> int:
    """The exit code, with a word about an interruption: typer swallows it."""
    return _interrupted() if code == INTERRUPTED and interrupts.count else code


def _interrupted() -> int:
    from orchestrator.cli.output import say

    say("interrupted; type the command again to continue")
    return INTERRUPTED


def _explain(error: Exception) -> int:
    """Print an expected failure and return its exit code; raise any other again."""
    import typer

    from orchestrator.cli.options import as_options
    from orchestrator.cli.output import say

    if isinstance(error, typer.Abort):
        return _interrupted()
    if hasattr(error, "format_message"):  # a usage error of the command line: typer carries its own copy of click
        if message := error.format_message():  # without one, the help was shown
            context = getattr(error, "ctx", None)
            say(message)
            say(f"{context.get_usage()}\nhelp: {context.command_path} -h" if context else "help: isoflop -h")
        return USAGE
    code = exit_code_of(error)
    if code is None:
        raise error
    say(
        _os_error(error)
        if isinstance(error, OSError) and not isinstance(error, ExpectedError)
        else as_options(f"{error}")
    )
    return code


def _os_error(error: Exception) -> str:
    """What the system said, after the file that it speaks of."""
    if not isinstance(error, OSError) or not error.strerror:
        return f"{error}"
    named = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return ": ".join([" → ".join(named), error.strerror.lower()] if named else [error.strerror])


if __name__ == "__main__":
    main()

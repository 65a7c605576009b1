"""The standard streams: closed ones are replaced, and a result that cannot be written ends the command."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import IO

from tokenizer.errors import ExpectedError


class OutputError(ExpectedError, RuntimeError):
    """The result cannot be written to standard output."""

    kind = "output"


class ReaderGone(Exception):
    """Whoever read standard output, such as `head`, has seen enough: nothing is wrong."""


class Results(io.TextIOWrapper):
    """Standard output: what cannot be written raises an error that nothing takes for that of another file."""

    def write(self, text: str) -> int:
        """Write a part of the result. Raises ReaderGone, OutputError."""
        try:
            return super().write(text)
        except OSError as error:
            raise self._lost(error) from error

    def flush(self) -> None:
        """Hand over what is written. Raises ReaderGone, OutputError."""
        try:
            super().flush()
        except OSError as error:
            raise self._lost(error) from error

    def _lost(self, error: OSError) -> Exception:
        """What a failure means; from here on everything goes nowhere, even at the interpreter's end."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        if isinstance(error, BrokenPipeError):
            return ReaderGone()
        reason = "it is closed" if error.errno == errno.EBADF else str(error.strerror).lower()
        return OutputError(f"the result cannot be written to standard output: {reason}")


class Notes(io.TextIOWrapper):
    """Standard error: what cannot be written there is lost, and the command goes on."""

    def write(self, text: str) -> int:
        """Write, if that is possible."""
        with contextlib.suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """Hand over what is written, if that is possible."""
        with contextlib.suppress(OSError):
            super().flush()


def mend() -> None:
    """Replace the closed streams, and make the others robust. To be called before anything else opens a file.

    A closed standard output gets a file that cannot be written, so that only a command with a result fails.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - open as long as the process
    if sys.stdout is sys.__stdout__:
        sys.stdout = _robust(sys.stdout, 1, Results)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _robust(sys.stderr, 2, Notes)


def _robust(stream: IO[str] | None, number: int, kind: type[Results] | type[Notes]) -> Results | Notes:
    """A stream of a kind in place of another, or over a file; it writes any character, if need be as an escape."""
    if not isinstance(stream, io.TextIOWrapper):
        raw = open(number, "wb", closefd=False)  # noqa: SIM115 - open as long as the process
        return kind(raw, encoding="utf-8", errors="backslashreplace", line_buffering=kind is Notes)
    encoding, through = stream.encoding, stream.write_through
    lines = stream.line_buffering or kind is Notes
    return kind(
        stream.detach(), encoding=encoding, errors="backslashreplace", line_buffering=lines, write_through=through
    )

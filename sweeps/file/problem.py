"""A mistake in a sweep file: where it is, what is wrong, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tokenizer.errors import ExpectedError


@dataclass(frozen=True)
class Problem:
    """One mistake, as `file:line:col key: what is wrong, did you mean …`."""

    message: str
    """What is wrong and what is expected."""
    key: str = ""
    """Dotted key of the sweep file, empty for the file as a whole."""
    file: str = ""
    """Name of the file, or `override 1` for the first override of the command line."""
    line: int = 0
    """Line, counted from 1; 0 where there is none."""
    col: int = 0
    """Column, counted from 1; 0 where there is none."""
    suggestion: str = ""
    """What was probably meant."""

    def __str__(self) -> str:
        """`file:line:col key: message, did you mean …?`, without the parts that are unknown."""
        place = f"{self.file}:{self.line}:{self.col}" if self.line else f"{self.file}:" if self.file else ""
        key = f"{self.key}:" if self.key else ""
        hint = f", did you mean {self.suggestion}?" if self.suggestion else ""
        return " ".join(part for part in (place, key, f"{self.message}{hint}") if part)


class SweepError(ExpectedError, ValueError):
    """A sweep cannot be used; `problems` holds every mistake that was found, in the order of the file."""

    kind = "invalid-sweep"

    def __init__(self, problems: Iterable[Problem]) -> None:
        """An error with every problem; its message has a line for each."""
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[SweepError], tuple[tuple[Problem, ...]]]:
        """For pickling: the problems, not the message."""
        return (type(self), (self.problems,))

"""The layers of a sweep: the file, the overrides on top of it, and which of them set each value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sweeps.file.parse import Document, Key, Plain, parse
from sweeps.file.problem import Problem, SweepError
from sweeps.nearest import nearest

MAX_OVERRIDES: Final = 200
_OVERRIDE: Final = re.compile(r"([a-z_][a-z0-9_]*(?:\.[A-Za-z0-9_+]+)*)=(.*)", re.DOTALL)
_BASE: Final = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(frozen=True)
class Override:
    """One `key=value` of the command line."""

    key: Key
    """The key that it sets."""
    created: Key
    """The shortest part of the key that led to no mapping before: all below it is the override's."""
    document: Document
    """Its value, with positions."""


class Layers:
    """A sweep file with its overrides applied, which of them set each value, and every problem found so far.

    `overrides` are `key=value` texts; those that cannot be read are among the problems.
    """

    def __init__(self, document: Document, overrides: Sequence[str] = ()) -> None:
        """Apply the overrides in their order. Raises SweepError where there are too many."""
        self.document = document
        self.data: Plain = dict(document.data)
        self.problems: list[Problem] = []
        self.overrides: list[Override] = []
        if len(overrides) > MAX_OVERRIDES:
            raise SweepError([Problem(f"more than {MAX_OVERRIDES} overrides")])
        for number, text in enumerate(overrides, start=1):
            self._override(f"override {number}", text)
        self.names_itself = "name" in self.data

    def report(self, key: Key, message: str, suggestion: str = "") -> None:
        """Add a problem at a key, with its position in the file or the override that set it."""
        self.problems.append(self.located(key, message, suggestion))

    def reported(self, key: Key) -> bool:
        """Whether a problem at a key, or at what contains it or is in it, is known; or one that suggests its name."""
        for problem in self.problems:
            known = tuple(problem.key.split("."))
            places = [known, (*known[:-1], problem.suggestion)] if problem.suggestion else [known]
            if any(key[: len(place)] == place[: len(key)] for place in places):
                return True
        return False

    def without_problems(self) -> Layers:
        """The same layers, for which no problem is known yet."""
        other = Layers(self.document)
        other.overrides = self.overrides
        return other

    def without_mistakes(self, data: Plain) -> Plain:
        """The data without the values that have a problem; a list that has one is left out wholly."""
        found = data
        for problem in self.problems:
            found = _removed(found, _with_axis(tuple(problem.key.split("."))))
        return found

    def located(self, key: Key, message: str, suggestion: str = "") -> Problem:
        """A problem with the position of the layer that set the key; an axis with a dot may be written nested."""
        ways = (tuple(".".join(key).split(".")), _with_axis(key))
        key = next((way for way in ways if self._setter(way) or way in self.document.positions), key)
        override = self._setter(key)
        if override:
            return Problem(message, ".".join(key), override.document.file, suggestion=suggestion)
        return self.document.problem(key, message, suggestion)

    def written(self, key: Key) -> str | None:
        """The scalar at a key as it was written."""
        override = self._setter(key)
        document, within = (override.document, key[len(override.key) :]) if override else (self.document, key)
        position = document.positions.get(within)
        return position.text if position else None

    def _setter(self, key: Key) -> Override | None:
        """The last override that set a key, if one did."""
        return next((o for o in reversed(self.overrides) if key[: len(o.created)] == o.created), None)

    def take_base(self, known: Sequence[str]) -> str | None:
        """Take `extends` out of the data: one of `known`, or None where it is missing or reported."""
        if "extends" not in self.data:
            return None
        name = self.data.pop("extends")
        if not isinstance(name, str) or not _BASE.fullmatch(name) or name not in known:
            near = nearest(name, known) if isinstance(name, str) else ""
            self.report(("extends",), f"not a file of sweeps/conf; they are {', '.join(known)}", near)
            return None
        return name

    def _override(self, name: str, text: str) -> None:
        match = _OVERRIDE.fullmatch(text)
        if not match:
            shown = text if len(text) <= 60 else f"{text[:57]}…"
            form = "an override is key=value with keys of the sweep file, such as sizes.count=5"
            self.problems.append(Problem(f"{form}; got {shown!r}", file=name))
            return
        key = tuple(match[1].split("."))
        if key[0] in ("hydra", "defaults", "extends"):
            self.problems.append(Problem("cannot be set by an override", match[1], name))
            return
        try:
            document = parse(match[2], name, any_top_level=True)
        except SweepError as error:
            # Only the message matters: a position inside one word of the command line helps nobody.
            self.problems += [Problem(p.message, match[1], name, suggestion=p.suggestion) for p in error.problems]
            return
        self.overrides.append(Override(key, _created(self.data, key), document))
        self.data = _replaced(self.data, key, document.data)


def _with_axis(key: Key) -> Key:
    """A key in which the name of an axis of `vary` is one part, though it has a dot."""
    if key[:1] != ("vary",) or len(key) < 3:
        return key
    value = key[-1:] if key[-1].isdecimal() else ()
    return ("vary", ".".join(key[1 : len(key) - len(value)]), *value)


def _created(data: Any, key: Key) -> Key:
    """The shortest part of `key` that does not lead to a mapping yet: an override of `key` creates all below it."""
    for length, part in enumerate(key, start=1):
        if not isinstance(data, dict) or not isinstance(data.get(part), dict):
            return key[:length]
        data = data[part]
    return key


def _removed(data: Any, key: Key) -> Any:
    """A copy of nested mappings without the value at `key`, or without the list that holds it."""
    if not isinstance(data, dict) or key[0] not in data:
        return data
    inner = data[key[0]]
    if len(key) > 1 and isinstance(inner, dict):
        return data | {key[0]: _removed(inner, key[1:])}
    return {name: value for name, value in data.items() if name != key[0]}


def _replaced(data: Any, key: Key, value: Any) -> Any:
    """A copy of nested mappings with the value at `key` replaced."""
    if not key:
        return value
    inner = data if isinstance(data, dict) else {}
    return inner | {key[0]: _replaced(inner.get(key[0]), key[1:], value)}

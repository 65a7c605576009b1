"""Reads the bytes of a sweep file as plain data with positions, and refuses text that could execute or expand."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import yaml

from sweeps.file.problem import Problem, SweepError

MAX_BYTES: Final = 256 * 1024
"""Largest file."""
MAX_NODES: Final = 10_000
"""Most values and keys."""
MAX_DEPTH: Final = 20
"""Deepest nesting."""
MAX_PROBLEMS: Final = 20
"""Problems after which reading stops."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*(_[0-9]+)*)")
_FLOAT = re.compile(r"[-+]?([0-9]+(_[0-9]+)*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_AMBIGUOUS = re.compile(r"[-+]?0[0-9_]+")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)
_OLD_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}

Plain = dict[str, Any]
"""A mapping of a sweep file: its values are mappings, lists and scalars, not checked against the schema yet."""
Key = tuple[str, ...]
"""Path of a value: keys of mappings, and indices of lists as text."""


class Position(NamedTuple):
    """Where in the text a value is, and how it was written."""

    line: int
    """Line, counted from 1."""
    col: int
    """Column, counted from 1."""
    text: str = ""
    """The scalar as written."""


@dataclass(frozen=True)
class Document:
    """A text that passed the gate, as plain data with positions."""

    file: str
    """Name for messages."""
    data: Any
    """Plain data: dict, list, str, int, float, bool and None."""
    positions: dict[Key, Position]
    """Position of every value by its path; of a mapping's entry, the position of its key."""

    def problem(self, key: Key, message: str, suggestion: str = "") -> Problem:
        """A problem at `key`, or at its nearest parent that has a position in this text."""
        known = key
        while known not in self.positions and known:
            known = known[:-1]
        position = self.positions.get(known, Position(1, 1))
        return Problem(message, ".".join(key), self.file, position.line, position.col, suggestion)


def parse(source: bytes | str, file: str = "<sweep>", *, any_top_level: bool = False) -> Document:
    """Read one YAML document as plain data, refusing whatever could execute, expand or mislead.

    Refused: more than 256 KB, 10,000 nodes or 20 levels; text that is not UTF-8 or holds NUL; aliases, anchors, tags,
    duplicate keys, `${`, `???`, keys like `_target_`, `hydra` or `defaults`, several documents, numbers that YAML 1.1
    and 1.2 read differently, and numbers that are not finite. `1e18` is a number here (YAML 1.1 makes it a string).

    Args:
        source: the text.
        file: its name in messages.
        any_top_level: accept a scalar or list as the whole document (the value of an override).

    Raises:
        SweepError: with every problem up to 20.
    """
    text = _decode(source, file)
    gate = _Gate(file)
    try:
        data = gate.read(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        gate.problems.append(_syntax_problem(error, file))
    except yaml.YAMLError as error:
        gate.problems.append(Problem(f"not valid YAML: {' '.join(str(error).split())}", file=file, line=1, col=1))
    except _TooMuchError:
        pass
    if not gate.problems and not any_top_level and not isinstance(data, dict):
        what = "the file is empty" if data is None else "the top level must be a mapping of keys to values"
        gate.problems.append(Problem(f"{what}: a sweep has at least a name and budgets", file=file, line=1, col=1))
    if gate.problems:
        raise SweepError(gate.problems)
    return Document(file, data, gate.positions)


def _decode(source: bytes | str, file: str) -> str:
    """UTF-8 text within the size limit and free of NUL."""
    raw = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    if len(raw) > MAX_BYTES:
        raise SweepError(
            [Problem(f"larger than {MAX_BYTES // 1024} KB, the limit of a sweep file", file=file, line=1, col=1)]
        )
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        col = error.start - raw.rfind(b"\n", 0, error.start)
        raise SweepError([Problem("not UTF-8: save the file as UTF-8", file=file, line=line, col=col)]) from None
    if "\0" in text:
        at = text.index("\0")
        line, col = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        raise SweepError([Problem("holds a NUL character", file=file, line=line, col=col)])
    return text


def _syntax_problem(error: yaml.MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    context = f" {error.context}" if error.context else ""
    line, col = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Problem(f"not valid YAML: {error.problem}{context}", file=file, line=line, col=col)


class _TooMuchError(Exception):
    """Reading stops: a limit was exceeded and has been reported."""


@dataclass
class _Gate:
    """Turns YAML events into plain data, collecting problems as it goes."""

    file: str
    """Name for messages."""
    problems: list[Problem] = field(default_factory=list)
    """What was refused so far."""
    positions: dict[Key, Position] = field(default_factory=dict)
    """Position of every value so far."""
    nodes: int = 0
    """Values and keys so far."""

    def read(self, events: Iterator[Any]) -> Any:
        """The one document of the stream."""
        data: Any = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.refuse(event, (), "a second document: a sweep file holds one", stop=True)
                if event.tags:
                    self.refuse(event, (), "tags are not allowed")
            elif isinstance(event, yaml.NodeEvent):
                data = self.node(event, events, (), 1)
        return data

    def refuse(self, event: Any, key: Key, message: str, *, stop: bool = False) -> None:
        """Note a problem at an event; stop at a limit and after the first 20."""
        mark = event.start_mark
        name = ".".join(part[:64] for part in key)
        self.problems.append(Problem(message, name, self.file, mark.line + 1, mark.column + 1))
        if stop or len(self.problems) >= MAX_PROBLEMS:
            raise _TooMuchError

    def node(self, event: Any, events: Iterator[Any], key: Key, depth: int) -> Any:
        """One value with everything inside it."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.refuse(event, (), f"more than {MAX_NODES} values", stop=True)
        if depth > MAX_DEPTH:
            self.refuse(event, (), f"more than {MAX_DEPTH} levels deep", stop=True)
        if isinstance(event, yaml.AliasEvent):
            self.refuse(event, key, f"the alias *{event.anchor} is not allowed: write the value out")
            return None
        if event.anchor is not None:
            self.refuse(event, key, f"the anchor &{event.anchor} is not allowed: write the value out where it is used")
        if event.tag is not None:
            self.refuse(event, key, f"the tag {event.tag} is not allowed: values are plain data")
        mark = event.start_mark
        text = event.value if isinstance(event, yaml.ScalarEvent) else ""
        self.positions.setdefault(key, Position(mark.line + 1, mark.column + 1, text))
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(events, key, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(events, key, depth)
        return self.scalar(event, key)

    def mapping(self, events: Iterator[Any], key: Key, depth: int) -> Plain:
        """A mapping whose keys are distinct plain text."""
        found: Plain = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            name = self.key_of(event, key)
            path = (*key, name)
            if name in found:
                first = self.positions[path].line
                self.refuse(event, path, f"given twice, first in line {first}")
            value_event = next(events)
            value = self.node(value_event, events, path, depth + 1)
            mark = event.start_mark
            self.positions[path] = Position(
                mark.line + 1, mark.column + 1, self.positions.get(path, Position(1, 1)).text
            )
            found[name] = value
        return found

    def key_of(self, event: Any, parent: Key) -> str:
        """The text of a mapping's key; keys that Hydra or YAML would act on are refused."""
        self.nodes += 1
        if not isinstance(event, yaml.ScalarEvent):
            self.refuse(event, parent, "a key must be plain text", stop=True)
        if event.anchor is not None or event.tag is not None:
            self.refuse(event, parent, "anchors and tags are not allowed")
        name = str(event.value)
        path = (*parent, name)
        if "${" in name:
            self.refuse(event, path, "interpolation ${…} is not allowed")
        elif name.startswith("_") and name.endswith("_"):
            self.refuse(event, path, "keys like _target_ are not allowed: a sweep file holds values, never code")
        elif re.match(r"hydra([./@]|$)", name):
            self.refuse(event, path, "Hydra's own settings cannot be changed from a sweep file")
        elif name == "defaults" and not parent:
            self.refuse(event, path, "a defaults list is not allowed: inherit with `extends: NAME`")
        return name

    def sequence(self, events: Iterator[Any], key: Key, depth: int) -> list[Any]:
        """A list."""
        found: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            found.append(self.node(event, events, (*key, str(len(found))), depth + 1))
        return found

    def scalar(self, event: Any, key: Key) -> Any:
        """A scalar; plain ones are read as YAML 1.2 does, with `1e18` a number."""
        text = str(event.value)
        if "${" in text:
            self.refuse(event, key, "interpolation ${…} is not allowed")
            return None
        if text == "???":
            self.refuse(event, key, "??? is not a value")
            return None
        if event.style:  # quoted; libyaml says "" where PyYAML says None
            return text
        try:
            return plain_scalar(text)
        except ValueError as error:
            self.refuse(event, key, str(error))
            return None


def plain_scalar(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar.

    Raises:
        ValueError: for text that YAML 1.1 and 1.2 read differently, and for numbers that are not finite.
    """
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    lowered = text.lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    if lowered in _OLD_BOOLEANS:
        raise ValueError(f"{text} is ambiguous in YAML: write {_OLD_BOOLEANS[lowered]}, or quote it if it is text")
    if _AMBIGUOUS.fullmatch(text):
        raise ValueError(f"{text[:32]} with a leading zero is ambiguous in YAML: leave the zero out, or quote it")
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a finite number")
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(text) and len(digits) <= 40:
        return int(digits)
    if _FLOAT.fullmatch(text) and any(c.isdigit() for c in text.lower().split("e")[0]):
        number = float(digits)
        if not math.isfinite(number):
            raise ValueError(f"{text[:32]} is not a finite number")
        return number
    return text

"""Checks plain data against the types of the schema's fields: every unknown key and wrong type, with its position."""

from __future__ import annotations

import dataclasses
import types
from functools import lru_cache
from typing import Any, Protocol, Union, get_args, get_origin, get_type_hints

from sweeps.file.parse import Key, Plain, plain_scalar
from sweeps.nearest import nearest


class Source(Protocol):
    """The text that the data came from: takes mistakes, and knows how a value was written."""

    def report(self, key: Key, message: str, suggestion: str = "") -> None:
        """Note a mistake at a key."""

    def written(self, key: Key) -> str | None:
        """The scalar at a key as the user wrote it, or None where that is not known."""


_EXPECTED = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
}


@lru_cache(maxsize=64)
def field_types(schema: type) -> dict[str, Any]:
    """Resolved type of each field of a dataclass."""
    hints = get_type_hints(schema)
    return {field.name: hints[field.name] for field in dataclasses.fields(schema)}


def coerce(value: Any, hint: Any, key: Key, source: Source) -> Any:
    """The value in its field's type (`1e4` becomes 10000 for a whole number), or None where a mistake was reported.

    Args:
        value: plain data from the gate.
        hint: a resolved type of the schema: a dataclass, scalar, tuple, list, dict, Optional or Any.
        key: path of the value.
        source: where mistakes are reported.
    """
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _record(value, hint, key, source)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        return coerce(value, next(a for a in arguments if a is not type(None)), key, source)
    if origin in (tuple, list):
        return _list(value, arguments[0], key, source)
    if origin is dict:
        return _mapping(value, arguments[1], key, source)
    return _scalar(value, hint, key, source)


def _record(value: Any, schema: type, key: Key, source: Source) -> Plain | None:
    hints = field_types(schema)
    if not isinstance(value, dict):
        source.report(key, f"expected a mapping with some of {', '.join(hints)}, got {_shown(value)}")
        return None
    found = {}
    for name, entry in value.items():
        if name not in hints:
            known = list(hints)
            where = f" of {'.'.join(key)}" if key else ""
            near = nearest(name, known)
            listing = "" if near else f"; the keys{where} are {', '.join(known)}"
            source.report((*key, name), f"unknown key{listing}", near)
            continue
        found[name] = coerce(entry, hints[name], (*key, name), source)
    return found


def _list(value: Any, hint: Any, key: Key, source: Source) -> list[Any] | None:
    if not isinstance(value, list):
        source.report(key, f"expected a list, got {_shown(value)}", f"[{value}]" if _is_scalar(value) else "")
        return None
    return [coerce(entry, hint, (*key, str(index)), source) for index, entry in enumerate(value)]


def _mapping(value: Any, hint: Any, key: Key, source: Source) -> Plain | None:
    if not isinstance(value, dict):
        source.report(key, f"expected a mapping, got {_shown(value)}")
        return None
    return {name: coerce(entry, hint, (*key, name), source) for name, entry in value.items()}


def _scalar(value: Any, hint: Any, key: Key, source: Source) -> Any:
    if isinstance(value, str) and hint in (int, float):
        try:
            value = plain_scalar(value)
        except ValueError:
            value = str(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 10**300 else _wrong(value, hint, key, source)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if hint is str and isinstance(value, int | float) and not isinstance(value, bool):
        return source.written(key) or str(value)
    if type(value) is hint:
        return value
    return _wrong(value, hint, key, source)


def _wrong(value: Any, hint: Any, key: Key, source: Source) -> None:
    source.report(key, f"expected {_EXPECTED.get(hint, 'another type')}, got {_shown(value)}")


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def _shown(value: Any) -> str:
    """A value as a message shows it, shortened where it is long."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"

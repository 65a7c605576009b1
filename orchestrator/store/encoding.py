"""What a database cannot hold, such as NUL in text or NaN in JSON, replaced on its way in."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

REPLACEMENT = "\ufffd"
"""What stands for a character that PostgreSQL's text cannot hold: NUL, or half of a pair of surrogates."""


def clean_text(text: str) -> str:
    """Text without NUL and lone surrogates, such as tracebacks have of file names that are not UTF-8."""
    if text.isascii() and "\0" not in text:
        return text
    return "".join(REPLACEMENT if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def to_json(value: object) -> str:
    """JSON that every database reads: no number in it is NaN or infinite (null stands for those), no text has NUL."""
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:  # NaN or infinity
        return json.dumps(_clean(value))
    return json.dumps(_clean(value)) if "\\u0000" in text or "\\ud" in text else text


def from_json(text: str | bytes) -> Any:
    """A value of JSON; None for text that is none, so that one damaged row does not hide the others."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _clean(value: object) -> object:
    """A value of JSON with what no database holds replaced."""
    match value:
        case str():
            return clean_text(value)
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {_clean(key) if isinstance(key, str) else key: _clean(each) for key, each in value.items()}
        case list() | tuple():
            return [_clean(each) for each in value]
    return value


def clean_parameters(parameters: Any) -> Any:
    """The parameters of a statement, for one row or for many, with clean text."""
    if isinstance(parameters, list):
        return [clean_parameters(each) for each in parameters]
    if isinstance(parameters, Mapping):
        return {name: clean_text(v) if isinstance(v, str) else v for name, v in parameters.items()}
    if isinstance(parameters, Sequence):
        return tuple(clean_text(v) if isinstance(v, str) else v for v in parameters)
    return parameters

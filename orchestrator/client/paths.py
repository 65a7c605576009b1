"""Addresses of what a service answers."""

from __future__ import annotations

import urllib.parse


def quoted(name: str) -> str:
    """A name as a segment of a URL's path."""
    return urllib.parse.quote(name, safe="")


def asked(path: str, **question: float | str | None) -> str:
    """A path with those parts of a question that are not empty."""
    query = urllib.parse.urlencode({key: value for key, value in question.items() if value not in ("", None)})
    return f"{path}?{query}" if query else path

"""Answers that are kept as bytes: with their ETag, compressed once, and sent or answered by 304."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from orchestrator.finite import finite

SMALLEST_PACKED = 1024
"""Bytes below which a body is not worth compressing."""
PACKED_TYPES = ("application/json", "application/problem+json", "image/svg+xml", "text/")
"""Beginnings of the media types that become smaller by compression."""
JSON = "application/json"
HTML = "text/html; charset=utf-8"
CSV = "text/csv; charset=utf-8"
KEPT_BYTES = 4096
"""Memory of a document besides its content: its key, its headers, and the future that made it."""
MAIN = b'<main id="main">'
"""Where a page's own content begins."""


@dataclass(frozen=True, slots=True)
class Document:
    """One answer."""

    body: bytes
    """As it is sent without compression."""
    media_type: str
    """Content-Type."""
    tag: str
    """Its ETag, a hash of its content: weak, because a compressed copy has the same. Empty for none."""
    packed: bytes = b""
    """The body compressed by gzip; empty if that is not worth while."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers, such as the address of the next page."""
    status: int = 200
    """HTTP status."""

    @property
    def size(self) -> int:
        """Bytes of memory, with what keeping it takes."""
        return len(self.body) + len(self.packed) + KEPT_BYTES


def document(body: bytes, media_type: str, headers: Mapping[str, str] | None = None, status: int = 200) -> Document:
    """A body with its ETag and, where that is worth while, its compressed copy."""
    packed = b""
    if len(body) >= SMALLEST_PACKED and media_type.startswith(PACKED_TYPES):
        packed = gzip.compress(body, 5, mtime=0)
    extra = tuple((headers or {}).items())
    tag = hashlib.sha256(repr((media_type, extra)).encode() + body).hexdigest()[:24]
    return Document(body, media_type, f'W/"{tag}"', packed, extra, status)


def json_document(data: Any, headers: Mapping[str, str] | None = None) -> Document:
    """Plain data as JSON, which has no infinity: an open end of an interval becomes null."""
    return document(json_text(data).encode(), JSON, headers)


def json_text(data: Any) -> str:
    """Plain data as compact JSON."""
    try:
        return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(finite(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def reply(request: Request, found: Document, age: float = 0.0) -> Response:
    """A document in answer to a request: 304 if the client has it already, compressed if it can read that.

    `age` is how many seconds ago its content was true for certain, if the database is away: the answer says so.
    """
    if age:
        found = _aged(found, age)
    headers = {"Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"} | dict(found.headers)
    if found.tag:
        headers["ETag"] = found.tag
    if found.tag and found.status == 200 and _has(request.headers.get("if-none-match", ""), found.tag):
        return Response(status_code=304, headers=headers)
    body = found.body
    if found.packed and _reads_gzip(request.headers.get("accept-encoding", "")):
        body = found.packed
        headers["Content-Encoding"] = "gzip"
    return Response(body, found.status, headers, found.media_type)


def _aged(found: Document, age: float) -> Document:
    """A document that says how old it is; a page says it to its reader, too."""
    mark = f'<p class="problem" role="alert">The database does not answer: this is as of {age:.0f} s ago.</p>'
    body = found.body.replace(MAIN, MAIN + mark.encode(), 1) if found.media_type == HTML else found.body
    packed = found.packed if body is found.body else b""
    return replace(found, body=body, packed=packed, tag="", headers=(*found.headers, ("Age", f"{max(1, age):.0f}")))


def _has(header: str, tag: str) -> bool:
    """Whether an If-None-Match header names a tag; strong or weak is the same here."""
    names = [each.strip().removeprefix("W/") for each in header.split(",")]
    return tag.removeprefix("W/") in names or "*" in names


def _reads_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header accepts gzip."""
    for part in header.lower().split(","):
        name, _, quality = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False

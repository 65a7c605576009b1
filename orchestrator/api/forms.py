"""Reads the forms that browsers send without a script: short fields, and files where a form has them."""

from __future__ import annotations

import email
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from fastapi import Request

LONGEST = 1000
"""Characters of a field that are read: the ids of twenty runs."""


@dataclass(frozen=True, slots=True)
class SentForm:
    """A form that was sent; the last field of a name counts."""

    fields: Mapping[str, str]
    """What was typed, by the name of the field."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Contents of the files that were chosen, by the name of the field."""


async def sent_form(request: Request) -> SentForm:
    """The form that a request has."""
    body, kind = await request.body(), request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        return _in_parts(body, kind)
    typed = parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
    return SentForm({name: _short(value) for name, value in typed})


def _in_parts(body: bytes, kind: str) -> SentForm:
    """A form of `multipart/form-data`; a file that was not chosen is left out."""
    fields, files = dict[str, str](), dict[str, bytes]()
    message = email.message_from_bytes(b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body)
    for part in message.walk():
        name = str(part.get_param("name", "", "content-disposition"))
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):  # the whole, whose parts follow
            continue
        if part.get_filename() is None:
            fields[name] = _short(content.decode(errors="replace"))
        elif content:
            files[name] = content
    return SentForm(fields, files)


def _short(value: str) -> str:
    """What is read of a field."""
    return value.strip()[:LONGEST]

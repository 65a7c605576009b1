"""Forms as browsers send them: fields, files to the last byte, and what no browser sends."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from orchestrator.api.forms import LONGEST, SentForm, sent_form

FILE = "größer\r\nline\n\rend \x00".encode()
PARTS = (
    b'--xyz\r\nContent-Disposition: form-data; name="name"\r\n\r\n gr\xc3\xb6\xc3\x9fe \r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="text"; filename="a b.txt"\r\nContent-Type: text/plain\r\n\r\n'
    + FILE
    + b'\r\n--xyz\r\nContent-Disposition: form-data; name="none"; filename=""\r\n\r\n\r\n--xyz--\r\n'
)


def form_of(body: bytes, kind: str) -> SentForm:
    """The form of a request with this body."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", kind.encode())]
    return asyncio.run(sent_form(Request({"type": "http", "method": "POST", "headers": headers}, receive)))


def test_fields_are_short_and_the_last_of_a_name_counts() -> None:
    sent = form_of(b"a=1&b=+x+&a=2&c=" + b"y" * 2 * LONGEST, "application/x-www-form-urlencoded")
    assert sent == SentForm({"a": "2", "b": "x", "c": "y" * LONGEST}, {})


def test_a_file_comes_to_the_last_byte() -> None:
    sent = form_of(PARTS, "multipart/form-data; boundary=xyz")
    assert sent == SentForm({"name": "größe"}, {"text": FILE})


@pytest.mark.parametrize(
    ("body", "kind"), [(PARTS, "multipart/form-data"), (b"\xff", "multipart/form-data; boundary=xyz"), (b"", "")]
)
def test_what_is_no_form_has_nothing_in_it(body: bytes, kind: str) -> None:
    sent = form_of(body, kind)
    assert sent.files == {} and set(sent.fields) <= {""}

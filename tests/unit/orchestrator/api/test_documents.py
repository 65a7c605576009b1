"""Documents: the same bytes have the same tag, and travel compressed or not at all."""

from __future__ import annotations

import gzip
import json
import math

import pytest
from starlette.requests import Request

from orchestrator.api.documents import CSV, HTML, document, json_document, json_text, reply


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw})


LONG = json_document({"loss": [0.5] * 1000})


def test_a_number_that_json_does_not_have_is_null() -> None:
    assert json.loads(json_text({"low": -math.inf, "high": [math.nan, 1.0]})) == {"low": None, "high": [None, 1.0]}


def test_the_tag_is_that_of_the_content() -> None:
    assert json_document({"a": 1}).tag == json_document({"a": 1}).tag
    others = (json_document({"a": 2}), document(b'{"a":1}', CSV), json_document({"a": 1}, {"X-Total-Count": "2"}))
    assert len({json_document({"a": 1}).tag, *(each.tag for each in others)}) == 4


@pytest.mark.parametrize("header", [LONG.tag, LONG.tag.removeprefix("W/"), f'"x", {LONG.tag}', "*"])
def test_who_has_it_already_gets_304(header: str) -> None:
    answer = reply(request(if_none_match=header), LONG)
    assert (answer.status_code, answer.body, answer.headers["etag"]) == (304, b"", LONG.tag)
    assert reply(request(if_none_match='"x"'), LONG).status_code == 200


@pytest.mark.parametrize(
    ("accepts", "packed"), [("gzip, br", True), ("*", True), ("gzip;q=0", False), ("br", False), ("", False)]
)
def test_what_is_long_is_compressed_for_who_can_read_it(accepts: str, packed: bool) -> None:
    answer = reply(request(accept_encoding=accepts), LONG)
    assert answer.headers.get("content-encoding") == ("gzip" if packed else None)
    assert (gzip.decompress(answer.body) if packed else answer.body) == LONG.body
    assert answer.headers["vary"] == "Accept-Encoding" and answer.headers["cache-control"] == "private, no-cache"
    assert len(LONG.packed) < len(LONG.body) < LONG.size and not json_document({}).packed


def test_what_may_be_old_says_so_and_has_no_tag() -> None:
    answer = reply(request(if_none_match=LONG.tag, accept_encoding="gzip"), LONG, age=7.2)
    assert (answer.status_code, answer.headers["age"]) == (200, "7")
    assert gzip.decompress(answer.body) == LONG.body and "etag" not in answer.headers
    page = reply(request(accept_encoding="gzip"), document(b'<main id="main">' + b"x" * 5000, HTML), age=7.2)
    assert b"as of 7 s ago" in page.body and "content-encoding" not in page.headers

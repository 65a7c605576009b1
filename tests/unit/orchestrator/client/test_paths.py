"""Addresses: names are quoted, and what was not asked is left out."""

from __future__ import annotations

from orchestrator.client.paths import asked, quoted


def test_a_name_is_one_segment() -> None:
    assert quoted("a/b c?é") == "a%2Fb%20c%3F%C3%A9"


def test_only_what_is_asked_is_in_the_query() -> None:
    assert asked("/x", flops=1e15, variant="", loss=None, zero=0.0) == "/x?flops=1000000000000000.0&zero=0.0"
    assert asked("/x", variant="") == "/x"

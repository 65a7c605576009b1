"""Exact duplicates: each text is admitted once."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from tokenizer.dedup import ExactDuplicates, content_digest


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=60))
def test_exact_duplicates_admits_each_text_once(texts: list[str]) -> None:
    duplicates = ExactDuplicates()
    admitted = [text for text in texts if duplicates.admit(content_digest(text))]
    assert admitted == list(dict.fromkeys(texts))
    assert duplicates.found == len(texts) - len(admitted)


def test_a_digest_is_the_sha256_of_the_utf8_bytes() -> None:
    assert content_digest("é") == hashlib.sha256(b"\xc3\xa9").digest()

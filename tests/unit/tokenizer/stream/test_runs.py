"""Runs: what is written is read back, whole and by ranges of digests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenizer.dedup import content_digest
from tokenizer.stream.runs import PREFIXES, Stored, begins_of, prefix_of, read_run, write_run


@pytest.fixture
def documents(tmp_path: Path) -> list[Stored]:
    texts = [f"text {i} ä" * (i % 4) for i in range(60)]
    found = sorted((Stored(content_digest(t), t.encode(), f"file {t[:9]}") for t in set(texts)), key=lambda d: d.digest)
    write_run(tmp_path / "a.run", found)
    return found


def test_a_run_gives_back_what_was_written(tmp_path: Path, documents: list[Stored]) -> None:
    found = list(read_run(tmp_path / "a.run", 0, PREFIXES))
    assert [(d.digest, d.raw, d.origin) for d in found] == [(d.digest, d.raw, d.origin) for d in documents]
    assert [d.offset for d in found] == sorted({d.offset for d in found})


@pytest.mark.parametrize("middle", [1, 700, PREFIXES // 2, PREFIXES - 1])
def test_ranges_in_a_row_are_the_whole(tmp_path: Path, documents: list[Stored], middle: int) -> None:
    parts = [*read_run(tmp_path / "a.run", 0, middle), *read_run(tmp_path / "a.run", middle, PREFIXES)]
    assert parts == list(read_run(tmp_path / "a.run", 0, PREFIXES))
    assert all(prefix_of(d.digest) < middle for d in read_run(tmp_path / "a.run", 0, middle))


def test_the_parts_end_where_the_documents_end(tmp_path: Path, documents: list[Stored]) -> None:
    begins = begins_of(tmp_path / "a.run")
    assert (begins[0], begins[-1]) == (0, (tmp_path / "a.run").stat().st_size - 8 * (PREFIXES + 1))
    assert prefix_of(b"\xff" * 32) == PREFIXES - 1


def test_an_origin_is_cut_to_what_a_run_has_room_for(tmp_path: Path) -> None:
    write_run(tmp_path / "a.run", [Stored(bytes(32), b"text", "x" * 70_000)])
    (found,) = read_run(tmp_path / "a.run", 0, PREFIXES)
    assert (found.raw, found.origin) == (b"text", "x" * 65_535)

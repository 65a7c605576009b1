"""Buckets hold every document once, in the order of digests, and damage is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenizer.corpus_error import CorpusError
from tokenizer.dedup import content_digest
from tokenizer.stream import index as module
from tokenizer.stream.index import buckets_of, documents_of, index_bucket, read_index
from tokenizer.stream.runs import PREFIXES, Stored, write_run

RUNS = ["a.run", "b.run"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs of 40 documents, 10 of which are in both."""
    for run, first in zip(RUNS, (0, 30), strict=True):
        found = [Stored(content_digest(f"{i}"), f"{i}".encode(), run) for i in range(first, first + 40)]
        write_run(tmp_path / run, sorted(found, key=lambda document: document.digest))
    return tmp_path


@pytest.mark.parametrize("size", [1, 500, 10**9])
def test_buckets_hold_every_document_once_in_order(folder: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(module, "BUCKET_BYTES", size)
    buckets = buckets_of(folder, RUNS)
    assert (buckets[0].first, buckets[-1].last) == (0, PREFIXES)
    assert sorted(bucket.name for bucket in buckets) == [bucket.name for bucket in buckets]
    assert (len(buckets) > 1) == (size < 10**9)
    digests: list[bytes] = []
    twice = 0
    for bucket in buckets:
        count, leaks = index_bucket(folder, RUNS, bucket, 5, None, 1)
        twice += leaks
        found = list(documents_of(folder, RUNS, bucket, read_index(folder, bucket)))
        assert len(found) == count
        digests += [document.digest for document in found]
    assert digests == sorted(content_digest(f"{i}") for i in range(70))
    assert twice == 10


def test_a_run_that_a_crash_tore_is_damaged(folder: Path) -> None:
    (bucket,) = buckets_of(folder, RUNS)
    index_bucket(folder, RUNS, bucket, 5, None)
    index = read_index(folder, bucket)
    content = bytearray((folder / "b.run").read_bytes())
    content[48] ^= 1
    (folder / "b.run").write_bytes(content)
    with pytest.raises(CorpusError, match=f"what was read of it in {folder} is damaged .*: delete that folder"):
        list(documents_of(folder, RUNS, bucket, index))
    (folder / f"{bucket.name}.index.npy").write_bytes(b"")
    with pytest.raises(CorpusError, match="is damaged"):
        read_index(folder, bucket)

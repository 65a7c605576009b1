"""Reading a column of Parquet: in part, packed, damaged, and with strings that are none."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tokenizer.corpus_error import CorpusFileError
from tokenizer.parquet_reader import read_parquet, row_group_bytes
from tokenizer.readers import Span
from tokenizer.refusals import Refusals


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_a_string_of_parquet_that_is_not_utf8_is_named_with_its_row(tmp_path: Path, kind: pa.DataType) -> None:
    rows = [b"good", None, *[b"more"] * 2_000, b"bad \xff"]
    column = pa.array(rows, pa.binary() if kind == pa.string() else pa.large_binary()).view(kind)
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    with pytest.raises(CorpusFileError, match=r"a\.parquet:2003: column 'text' of this row is not UTF-8 at byte 4"):
        list(read_parquet(tmp_path / "a.parquet", "text"))


def test_two_columns_of_a_name_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(CorpusFileError, match="several columns 'text'"):
        list(read_parquet(tmp_path / "a.parquet", "text"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"PAR1", mtime=0), "not a readable Parquet file"),
        (b"\x28\xb5\x2f\xfdrest", "damaged Zstandard data"),
        (b"\xfd7zXZ\x00", "it is xz-compressed; decompress it first"),
        (b"", "not a readable Parquet file"),
        (b"PAR1" + b"\xff" * 100 + struct.pack("<I", 90) + b"PAR1", "not a readable Parquet file"),
    ],
)
def test_what_is_no_parquet_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(CorpusFileError, match=message):
        list(read_parquet(tmp_path / "a.parquet", "text"))


def test_row_groups_are_read_by_themselves_with_the_rows_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    column = pa.array([b"a", b"b", b"c", b"bad \xff", b"e"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": column}), path, row_group_size=2)
    assert len(row_group_bytes(path)) == 3
    assert list(read_parquet(path, "text", span=Span(0, 1))) == ["a", "b"]
    with pytest.raises(CorpusFileError, match=r"a\.parquet:4: column"):
        list(read_parquet(path, "text", span=Span(1, 2)))
    refusals = Refusals(skip=True)
    assert list(read_parquet(path, "text", refusals, Span(1, None))) == ["c", "e"]
    assert refusals.counts == {"not UTF-8": 1}


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_a_packed_file_is_unpacked(tmp_path: Path, codec: str) -> None:
    pq.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "plain")
    content = (tmp_path / "plain").read_bytes()
    packed = gzip.compress(content) if codec == "gzip" else pa.compress(content, "zstd", asbytes=True)
    (tmp_path / "a.parquet").write_bytes(packed)
    assert list(read_parquet(tmp_path / "a.parquet", "text")) == ["a", "b"]

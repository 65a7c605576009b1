"""Opening a corpus's file: gzip is unpacked, every other format is named by its first bytes, and nothing hangs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tokenizer.compression import FORMATS, format_of, is_packed, open_seekable, open_text, reason_of
from tokenizer.corpus_error import CorpusFileError

TEXT = b'{"text": "some words"}\n' * 50


def made_by(write: str) -> bytes:
    """A file's content, written by the format's own library."""
    stream = io.BytesIO()
    if write == "zip":
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("a.jsonl", TEXT)
    elif write == "empty zip":
        zipfile.ZipFile(stream, "w").close()
    elif write == "tar":
        with tarfile.open(fileobj=stream, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("a.jsonl"), io.BytesIO())
    elif write == "parquet":
        pq.write_table(pa.table({"text": ["a"]}), stream)
    elif write == "parquet without rows":
        pq.write_table(pa.table({"text": pa.array([], pa.string())}), stream)
    elif write == "arrow":
        table = pa.table({"text": ["a"]})
        with pa.ipc.new_file(stream, table.schema) as writer:
            writer.write_table(table)
    elif write == "numpy":
        np.save(stream, np.zeros(3))
    elif write == "sqlite":
        with sqlite3.connect(":memory:") as db:
            db.execute("create table t (x)")
            stream.write(db.serialize())
    else:
        compressor = {"zstd": "zstd", "lz4": "lz4"}[write]
        with pa.CompressedOutputStream(stream, compressor) as out:
            out.write(TEXT)
            return pa_bytes(stream, out)
    return stream.getvalue()


def pa_bytes(stream: io.BytesIO, out: pa.CompressedOutputStream) -> bytes:
    """What pyarrow wrote; it closes the stream under it."""
    out.flush()
    return stream.getvalue()


def packed(content: bytes, codec: str) -> bytes:
    """Compressed content."""
    return bytes(pa.compress(content, codec, asbytes=True)) if codec != "gzip" else gzip.compress(content)


FOREIGN = {
    "bzip2": (lambda: bz2.compress(TEXT), "bzip2-compressed; decompress it first (bzip2 -d FILE)"),
    "empty bzip2": (lambda: bz2.compress(b""), "bzip2-compressed"),
    "xz": (lambda: lzma.compress(TEXT), "xz-compressed; decompress it first (xz -d FILE)"),
    "lzma": (lambda: lzma.compress(TEXT, lzma.FORMAT_ALONE), "LZMA-compressed"),
    "zstd of zstd": (lambda: packed(made_by("zstd"), "zstd"), "Zstandard-compressed; decompress the file once"),
    "zstd of xz": (lambda: packed(lzma.compress(TEXT), "zstd"), "Zstandard-compressed data that are xz-compressed"),
    "lz4": (lambda: made_by("lz4"), "LZ4-compressed"),
    "zip": (lambda: made_by("zip"), "a ZIP archive; unzip it first"),
    "empty zip": (lambda: made_by("empty zip"), "an empty ZIP archive"),
    "tar": (lambda: made_by("tar"), "a tar archive; unpack it first"),
    "parquet": (lambda: made_by("parquet"), "a Parquet file; set corpus.source to parquet"),
    "parquet without rows": (lambda: made_by("parquet without rows"), "a Parquet file"),
    "arrow": (lambda: made_by("arrow"), "an Arrow file"),
    "numpy": (lambda: made_by("numpy"), "a NumPy array"),
    "sqlite": (lambda: made_by("sqlite"), "an SQLite database"),
    "lzip": (lambda: b"LZIP\x01\x0c" + TEXT, "lzip-compressed; decompress it first (lzip -d FILE)"),
    "lzo": (lambda: b"\x89LZO\x00\r\n\x1a\n" + TEXT, "LZO-compressed; decompress it first (lzop -d FILE)"),
    "pdf": (lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF file; extract its text"),
    "utf-16": (lambda: "text".encode("utf-16"), "UTF-16 text; convert the file to UTF-8"),
    "utf-32": (lambda: "text".encode("utf-32"), "UTF-32 text; convert the file to UTF-8"),
    "gzip twice": (lambda: gzip.compress(gzip.compress(TEXT)), "gzip-compressed; decompress the file once"),
    "gzipped tar": (lambda: gzip.compress(made_by("tar")), "holds gzipped data that are a tar archive"),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("suffix", [".jsonl", ".txt", ".jsonl.gz", ".dat"])
def test_a_foreign_format_is_named_whatever_the_files_name(tmp_path: Path, name: str, suffix: str) -> None:
    make, message = FOREIGN[name]
    file = tmp_path / f"a{suffix}"
    file.write_bytes(make())
    with pytest.raises(CorpusFileError, match=rf"^{re.escape(str(file))}: .*{re.escape(message)}"), open_text(file):
        pass


@pytest.mark.parametrize("text", [b"BZh9 is a word", b"PAR1 text", b"PK is one", b"7z", b"ustar", b"\n", b""])
def test_a_text_that_begins_like_another_format_is_text(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(text)
    with open_text(tmp_path / "a.txt") as stream:
        assert stream.read() == text


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl"])
def test_gzip_is_unpacked_whatever_the_files_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(TEXT) + gzip.compress(b"more"))
    with open_text(tmp_path / name) as stream:
        assert stream.read() == TEXT + b"more"


def test_a_name_that_promises_gzip_is_held_to_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(b"plain text")
    message = r"a\.txt\.gz: is no gzip data, as its name says; rename or replace it"
    with pytest.raises(CorpusFileError, match=message), open_text(tmp_path / "a.txt.gz"):
        pass
    (tmp_path / "a.txt.gz").write_bytes(b"")
    with open_text(tmp_path / "a.txt.gz") as stream:
        assert stream.read() == b""


@pytest.mark.parametrize("codec", ["zstd", "gzip"])
def test_compressed_files_are_read_in_a_row_and_here_and_there(tmp_path: Path, codec: str) -> None:
    (tmp_path / "a").write_bytes(packed(TEXT, codec) + packed(b"more", codec))
    with open_text(tmp_path / "a") as stream:
        assert stream.read() == TEXT + b"more"
    with open_seekable(tmp_path / "a") as stream:
        stream.seek(-4, 2)
        assert stream.read() == b"more"
    assert is_packed(tmp_path / "a")


@pytest.mark.parametrize("cut", [5, -4, -1])
def test_a_truncated_zstandard_file_is_damaged(tmp_path: Path, cut: int) -> None:
    (tmp_path / "a.zst").write_bytes(packed(TEXT * 100, "zstd")[:cut])
    with pytest.raises((CorpusFileError, OSError), match=r"ompress"), open_text(tmp_path / "a.zst") as stream:
        stream.read()
    with pytest.raises(CorpusFileError, match="damaged Zstandard data"), open_seekable(tmp_path / "a.zst"):
        pass


def test_a_name_that_promises_zstandard_is_held_to_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt.zst").write_bytes(b"plain")
    message = "no Zstandard data, as its name says"
    with pytest.raises(CorpusFileError, match=message), open_text(tmp_path / "a.txt.zst"):
        pass


def test_every_format_is_found_by_its_first_bytes() -> None:
    found = {format_of(magic + b"\x00" * 8) for magic, _, _ in FORMATS}
    assert found == {(name, remedy) for _, name, remedy in FORMATS}
    assert format_of(b"plain text") is None


def test_reasons_say_what_is_damaged_and_quote_nothing() -> None:
    trailing = gzip.BadGzipFile("Not a gzipped file (b'se')")
    assert reason_of(trailing) == "damaged gzip data: something else follows them"
    assert reason_of(gzip.BadGzipFile("CRC check failed")) == "damaged gzip data: CRC check failed"
    assert reason_of(PermissionError(13, "Permission denied", "/secret/name")) == "Permission denied"
    assert reason_of(ValueError("embedded null byte")) == "embedded null byte"

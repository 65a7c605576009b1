"""Opens a file of a corpus: decompressed where it is gzip or Zstandard, its format named where it is another."""

from __future__ import annotations

import contextlib
import gzip
import io
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from tokenizer.corpus_error import CorpusFileError
from tokenizer.locations import Location, open_bytes, suffix_of

GZIP = b"\x1f\x8b"
"""First bytes of gzip data."""
ZSTANDARD = b"\x28\xb5\x2f\xfd"
"""First bytes of Zstandard data."""
_UNPACK = "decompress it first ({} FILE)"
FORMATS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x50\x2a\x4d\x18", "Zstandard-compressed", _UNPACK.format("zstd -d")),
    (b"\xfd7zXZ\x00", "xz-compressed", _UNPACK.format("xz -d")),
    (b"\x5d\x00\x00", "LZMA-compressed", _UNPACK.format("unlzma")),
    (b"\x04\x22\x4d\x18", "LZ4-compressed", _UNPACK.format("lz4 -d")),
    (b"\x1f\x9d", "compressed by `compress`", _UNPACK.format("gzip -d")),
    (b"LZIP\x01", "lzip-compressed", _UNPACK.format("lzip -d")),
    (b"\x89LZO\x00", "LZO-compressed", _UNPACK.format("lzop -d")),
    (b"\xff\x06\x00\x00sNaPpY", "Snappy-compressed", "decompress it first"),
    (b"PK\x03\x04", "a ZIP archive", "unzip it first and name what is in it"),
    (b"PK\x05\x06", "an empty ZIP archive", "name files that hold text"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first and name what is in it"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it first and name what is in it"),
    (b"%PDF-", "a PDF file", "extract its text (pdftotext FILE)"),
    (b"PAR1\x15", "a Parquet file", "set corpus.source to parquet"),
    (b"ARROW1\x00", "an Arrow file", "convert it to Parquet or JSON lines"),
    (b"Obj\x01", "an Avro file", "convert it to Parquet or JSON lines"),
    (b"SQLite format 3\x00", "an SQLite database", "export its text as JSON lines"),
    (b"\x89HDF\r\n", "an HDF5 file", "export its text as JSON lines"),
    (b"\x93NUMPY", "a NumPy array", "name files that hold text"),
    (b"\xff\xfe\x00\x00", "UTF-32 text", "convert the file to UTF-8 (iconv -f UTF-32 -t UTF-8 FILE)"),
    (b"\x00\x00\xfe\xff", "UTF-32 text", "convert the file to UTF-8 (iconv -f UTF-32 -t UTF-8 FILE)"),
    (b"\xff\xfe", "UTF-16 text", "convert the file to UTF-8 (iconv -f UTF-16 -t UTF-8 FILE)"),
    (b"\xfe\xff", "UTF-16 text", "convert the file to UTF-8 (iconv -f UTF-16 -t UTF-8 FILE)"),
)
"""First bytes of formats that a corpus cannot be read from as text, what each is, and what to do about it."""
_BZIP2 = (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90")
"""What follows `BZh` and a digit, which alone could begin a text: of a file with content, and of an empty one."""
_TAR_AT = 257
"""Where `ustar` stands in a tar archive."""
_HEAD = 512
"""Bytes in which the format is looked for."""
DAMAGED = (OSError, EOFError, zlib.error)
"""What damaged compressed data raise, and files that cannot be read."""


def format_of(head: bytes) -> tuple[str, str] | None:
    """What a file that begins with `head` is, and what to do about it; None for what may be text."""
    for magic, name, remedy in FORMATS:
        if head.startswith(magic):
            return name, remedy
    if head[:3] == b"BZh" and head[4:10] in _BZIP2:
        return "bzip2-compressed", _UNPACK.format("bzip2 -d")
    if head[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return "a tar archive", "unpack it first (tar -xf FILE) and name what is in it"
    return None


@contextlib.contextmanager
def open_text(location: Location) -> Iterator[BinaryIO]:
    """The bytes of a file with text, decompressed. Raises CorpusFileError for another format, by its first bytes."""
    with open_bytes(location) as raw:
        head = _peek(location, raw)
        if not head.startswith((GZIP, ZSTANDARD)):
            named = {".gz": "gzip", ".zst": "Zstandard"}.get(suffix_of(location))
            if named and head:
                what, remedy = format_of(head) or (f"no {named} data, as its name says", "rename or replace it")
                raise CorpusFileError(f"{location}: is {what}; {remedy}")
            _refuse_formats(location, head)
            yield raw
            return
        with _unpacked(raw, head) as stream:
            packed = "gzipped" if head.startswith(GZIP) else "Zstandard-compressed"
            _refuse_formats(location, _peek(location, stream), f"holds {packed} data that are ")
            yield stream


def _unpacked(raw: BinaryIO, head: bytes) -> io.BufferedReader:
    """The content of a compressed stream that begins with `head`."""
    if head.startswith(GZIP):
        return io.BufferedReader(cast(io.RawIOBase, gzip.open(raw)), 1 << 16)
    import pyarrow as pa

    return io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd"), 1 << 16)


@contextlib.contextmanager
def open_seekable(location: Location) -> Iterator[BinaryIO]:
    """The bytes of a file that is read here and there; a compressed one is unpacked into a temporary file.

    Raises CorpusFileError.
    """
    with open_bytes(location) as raw:
        head = _peek(location, raw)
        if not head.startswith((GZIP, ZSTANDARD)):
            yield raw
            return
        with _unpacked(raw, head) as stream, tempfile.TemporaryFile() as plain:
            try:
                shutil.copyfileobj(stream, plain, 1 << 20)
            except DAMAGED as error:
                raise CorpusFileError(f"{location}: cannot be read: {reason_of(error)}") from error
            plain.seek(0)
            yield cast(BinaryIO, plain)


def is_packed(location: Location) -> bool:
    """Whether a file is compressed, so that it can only be read from its beginning. Raises CorpusFileError."""
    with open_bytes(location) as raw:
        return _peek(location, raw).startswith((GZIP, ZSTANDARD))


def _peek(path: Location, stream: BinaryIO) -> bytes:
    """The first bytes of a stream, which it will give again. Raises CorpusFileError."""
    try:
        return cast(io.BufferedReader, stream).peek(_HEAD)[:_HEAD]
    except DAMAGED as error:
        raise CorpusFileError(f"{path}:1: cannot be read: {reason_of(error)}") from error


def _refuse_formats(path: Location, head: bytes, begin: str = "is ") -> None:
    """Raise CorpusFileError for data that are in another format than text."""
    once = "decompress the file once"
    again = {GZIP: ("gzip-compressed", once), ZSTANDARD: ("Zstandard-compressed", once)}
    found = next((what for magic, what in again.items() if head.startswith(magic)), None) or format_of(head)
    if found:
        raise CorpusFileError(f"{path}: {begin}{found[0]}; {found[1]}")


def reason_of(error: Exception) -> str:
    """Why a file cannot be read, without its name and without its content."""
    match error:
        case gzip.BadGzipFile() if "Not a gzipped" in str(error):
            return "damaged gzip data: something else follows them"
        case gzip.BadGzipFile() | EOFError() | zlib.error():
            return f"damaged gzip data: {error}"
        case OSError() if error.strerror:
            return error.strerror
        case OSError() if "ompress" in str(error):
            return f"damaged Zstandard data: {error}"
    return str(error)

"""Reads a corpus: distinct documents from its source, their identity by content, their split by hash."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tokenizer.corpus_error import CorpusError, CorpusFileError
from tokenizer.dedup import ExactDuplicates, content_digest
from tokenizer.files import Reach, files_of
from tokenizer.installed import installed_sources, read_source
from tokenizer.progress import Report, Stage, silent
from tokenizer.readers import read_jsonl, read_parquet, read_text

__all__ = [
    "SOURCES",
    "Corpus",
    "CorpusError",
    "CorpusFileError",
    "CorpusSpec",
    "Document",
    "read_documents",
    "source_files",
]

SOURCES = ("python", "text", "jsonl", "parquet")
"""Kinds of source."""


@dataclass(frozen=True)
class CorpusSpec:
    """Where the documents come from and how many are taken."""

    source: str = "python"
    """Kind of source: python (the Python files installed on this machine, without any download) | text | jsonl |
    parquet."""
    paths: tuple[str, ...] = ()
    """Files, folders or globs, relative to the current folder; needed by every source but python, which takes none. A
    folder stands for its .txt and .md (text), .jsonl (jsonl) or .parquet files; text and jsonl may be gzipped. A text
    is cut into documents at lines that hold <|endoftext|> alone, else after some 16,000 characters: at a line end, or
    inside a line of more than 131,072. A service reads paths in certain folders only (ISOFLOP_CORPUS_FOLDERS)."""
    text_key: str = "text"
    """Key of a JSON line, or column of a Parquet file, that holds the text."""
    max_bytes: int = 60_000_000
    """Cap of the corpus in UTF-8 bytes after removal of duplicates. Documents are taken in the order of their hash,
    which mixes all files, until the next would exceed it. 60 MB of Python are about 23 M tokens at vocabulary 1024."""
    validation_fraction: float = 0.02
    """Share of the documents, chosen by their hash, that are held out for validation."""

    def __post_init__(self) -> None:
        """Take a single path for a tuple of one; check every field. Raises CorpusError."""
        object.__setattr__(self, "paths", (self.paths,) if isinstance(self.paths, str) else tuple(self.paths))
        if self.source not in SOURCES:
            raise CorpusError(f"is {self.source!r}: choose one of {', '.join(SOURCES)}", "source")
        if self.source == "python" and self.paths:
            raise CorpusError("is set, but the source python takes none: set corpus.source to text", "paths")
        if self.source != "python" and not self.paths:
            raise CorpusError(f"is empty: the source {self.source} needs files, folders or globs", "paths")
        if self.max_bytes < 1:
            raise CorpusError(f"must be at least 1, is {self.max_bytes}", "max_bytes")
        if not 0 < self.validation_fraction < 1:
            raise CorpusError(f"must lie between 0 and 1, is {self.validation_fraction}", "validation_fraction")


@dataclass(frozen=True)
class Document:
    """One text of the corpus."""

    text: str
    """The text, valid Unicode."""
    origin: str
    """Where it was read, for people; not part of its identity."""

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the text, 32 bytes."""
        return content_digest(self.text)

    @cached_property
    def bytes(self) -> int:
        """Length in UTF-8 bytes."""
        return len(self.text.encode())


@dataclass(frozen=True)
class Corpus:
    """Distinct documents in the order of their hash."""

    documents: tuple[Document, ...]
    """Sorted by digest."""
    duplicates: int
    """Number of exact duplicates that were removed."""
    left_out: int
    """Number of distinct documents beyond the cap."""
    notes: tuple[str, ...] = ()
    """What a reader should know, such as packages that are not installed."""

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the sorted digests: the corpus's identity, independent of paths and times."""
        return hashlib.sha256(b"".join(document.digest for document in self.documents)).hexdigest()

    @cached_property
    def bytes(self) -> int:
        """UTF-8 bytes of all documents."""
        return sum(document.bytes for document in self.documents)

    def split(self, validation_fraction: float) -> tuple[tuple[Document, ...], tuple[Document, ...]]:
        """(train, validation): a document's side depends on its hash and the fraction alone."""
        train: list[Document] = []
        validation: list[Document] = []
        for document in self.documents:
            (validation if _position(document.digest) < validation_fraction else train).append(document)
        return tuple(train), tuple(validation)

    @cached_property
    def positions(self) -> tuple[float, ...]:
        """Sorted: a document is held out for validation by the fractions above its position."""
        return tuple(sorted(_position(document.digest) for document in self.documents))


def _position(digest: bytes) -> float:
    """A number in [0, 1) from the last eight bytes of a digest: below the validation fraction lies validation.

    The first bytes order the corpus, and the cap keeps the smallest: by them a small corpus would be validation alone.
    """
    return int.from_bytes(digest[-8:], "big") / 2**64


class _SmallestDigests:
    """Keeps the documents with the smallest digests up to a number of bytes, in about twice as much memory.

    The result does not depend on the order of arrival: a document beyond the cap stays beyond it whatever follows.
    """

    def __init__(self, max_bytes: int) -> None:
        """Set the cap, in UTF-8 bytes."""
        self._max_bytes = max_bytes
        self._kept: list[Document] = []
        self._bytes = 0
        self._ceiling = b"\xff" * 33
        self.left_out = 0
        """Number of documents beyond the cap."""
        self.smallest_giant = 0
        """Bytes of the smallest document that is larger than the cap; 0 if there was none."""

    def add(self, document: Document) -> None:
        """Keep a document, for the time being, unless it is certainly beyond the cap."""
        giant = document.bytes > self._max_bytes
        if giant:
            self.smallest_giant = min(document.bytes, self.smallest_giant or document.bytes)
        if giant or document.digest >= self._ceiling:
            self.left_out += 1
            return
        self._kept.append(document)
        self._bytes += document.bytes
        if self._bytes > 2 * self._max_bytes:
            self._prune()

    def _prune(self) -> None:
        """Drop all documents beyond the cap."""
        self._kept.sort(key=lambda document: document.digest)
        ends = itertools.accumulate(document.bytes for document in self._kept)
        fitting = sum(1 for end in ends if end <= self._max_bytes)
        if fitting < len(self._kept):
            self._ceiling = self._kept[fitting].digest
            self.left_out += len(self._kept) - fitting
            del self._kept[fitting:]
        self._bytes = sum(document.bytes for document in self._kept)

    def take(self) -> tuple[Document, ...]:
        """The documents up to the cap, in the order of their digests."""
        self._prune()
        return tuple(self._kept)


def source_files(spec: CorpusSpec, within: Reach | None = None) -> tuple[list[tuple[Path, str]], tuple[str, ...]]:
    """The (file, origin) pairs that the corpus is read from, and notes. Raises CorpusError for paths without files.

    `within` is where files may be named; None for everywhere.
    """
    if spec.source == "python":
        return installed_sources()
    return [(path, str(path)) for path in files_of(spec.source, spec.paths, within)], ()


def _texts(spec: CorpusSpec, files: Iterable[tuple[Path, str]]) -> Iterator[Document]:
    """The documents of files, in their order, blank ones left out."""
    for path, origin in files:
        if spec.source == "python":
            source = read_source(path)
            texts: Iterable[str] = () if source is None else (source,)
        elif spec.source == "text":
            texts = read_text(path)
        elif spec.source == "jsonl":
            texts = read_jsonl(path, spec.text_key)
        else:
            texts = read_parquet(path, spec.text_key)
        yield from (Document(text, origin) for text in texts if text.strip())


def read_documents(spec: CorpusSpec, report: Report = silent, within: Reach | None = None) -> Corpus:
    """Read a corpus: without duplicates and blank documents, in the order of the documents' hashes, capped.

    Args:
        spec: where the documents come from.
        report: hears of it if it takes long.
        within: where files may be named; None for everywhere.

    Raises:
        CorpusError: with file and line where there is one, for paths without files, wrong keys or columns, invalid
            lines, and a corpus that ends up empty.
    """
    stage = Stage("corpus: reading", report)
    files, notes = source_files(spec, within)
    duplicates = ExactDuplicates()
    smallest = _SmallestDigests(spec.max_bytes)
    read = 0
    for document in _texts(spec, files):
        read += document.bytes
        stage.tick(f"{read / 1e6:.1f} MB")
        if duplicates.admit(document.digest):
            smallest.add(document)
    documents = smallest.take()
    if not documents:
        raise CorpusError(_why_empty(spec, len(files), smallest))
    return Corpus(documents, duplicates.found, smallest.left_out, notes)


def _why_empty(spec: CorpusSpec, files: int, smallest: _SmallestDigests) -> str:
    """The message for a corpus without documents, and what to do."""
    if smallest.left_out:
        return (
            f"corpus.max_bytes of {spec.max_bytes} leaves none of {count_of(smallest.left_out, 'document')}, the "
            f"smallest of which has {smallest.smallest_giant} bytes: set it to at least that"
        )
    where = "the installed Python sources" if spec.source == "python" else ", ".join(spec.paths)
    return f"corpus: no text in {count_of(files, 'file')} of {where}; name files that hold some in corpus.paths"


def count_of(count: int, noun: str) -> str:
    """A number of things, such as `1 file` or `2 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

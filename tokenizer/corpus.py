"""Reads a corpus: its files, what stays of them in a folder or in memory, its identity, its split by hash."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tokenizer.corpus_error import CorpusError, CorpusFileError
from tokenizer.corpus_spec import SOURCES, CorpusSpec
from tokenizer.dedup import content_digest
from tokenizer.files import Reach, files_of
from tokenizer.installed import installed_sources
from tokenizer.locations import Location
from tokenizer.progress import Report, silent
from tokenizer.readings import at, readings
from tokenizer.stream.cleaned import Cleaned
from tokenizer.stream.cleaning import SMALL, clean
from tokenizer.stream.pool import Pool, cores
from tokenizer.stream.portions import File, files_with_state

__all__ = [
    "SOURCES",
    "Corpus",
    "CorpusError",
    "CorpusFileError",
    "CorpusSpec",
    "Document",
    "clean_corpus",
    "read_documents",
    "source_files",
]


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
    """Distinct documents in the order of their hash, in memory."""

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


def _position(digest: bytes) -> float:
    """A number in [0, 1) from the last eight bytes of a digest: below the validation fraction lies validation."""
    return int.from_bytes(digest[-8:], "big") / 2**64


def source_files(spec: CorpusSpec, within: Reach | None = None) -> tuple[list[File], tuple[str, ...]]:
    """The files that the corpus is read from, and notes. Raises CorpusError for paths without files.

    `within` is where files may be named; None for everywhere.
    """
    files: list[File] = []
    notes: tuple[str, ...] = ()
    for number, reading in enumerate(readings(spec)):
        part = reading.spec
        if part.source == "python":
            installed, notes = installed_sources()
            files += files_with_state(installed, number)
            continue
        try:
            named = files_of(part.source, part.paths, within)
        except CorpusError as error:
            raise at(reading, error) from error
        found: list[tuple[Location, str]] = [(path, str(path)) for path in named]
        files += files_with_state(found, number)
    return files, notes


def pool_for(files: Sequence[File], folder: Path) -> Pool:
    """What cleans files in a folder: every core, or this process alone where they are small."""
    return Pool(folder, 1 if sum(file.bytes for file in files) < SMALL else cores())


def clean_corpus(
    spec: CorpusSpec, files: Sequence[File], notes: tuple[str, ...], folder: Path, pool: Pool, report: Report
) -> Cleaned:
    """`clean`, where something stays. Raises CorpusError also for a corpus that ends up empty."""
    cleaned = clean(spec, files, notes, folder, pool, report)
    if not cleaned.documents:
        raise CorpusError(_why_empty(spec, len(files), cleaned))
    return cleaned


def read_documents(spec: CorpusSpec, report: Report = silent, within: Reach | None = None) -> Corpus:
    """Read a corpus into memory: cleaned, in the order of the documents' hashes, capped.

    Args:
        spec: where the documents come from.
        report: hears of it if it takes long.
        within: where files may be named; None for everywhere.

    Raises:
        CorpusError: with file and line where there is one, for paths without files, wrong keys or columns, invalid
            lines, and a corpus that ends up empty.
    """
    files, notes = source_files(spec, within)
    with tempfile.TemporaryDirectory(prefix="isoflop-") as folder, pool_for(files, Path(folder)) as pool:
        cleaned = clean_corpus(spec, files, notes, Path(folder), pool, report)
        documents = tuple(Document(stored.raw.decode(), stored.origin) for stored in cleaned.stored("all"))
    return Corpus(documents, cleaned.duplicates, cleaned.left_out, notes)


def _why_empty(spec: CorpusSpec, files: int, cleaned: Cleaned) -> str:
    """The message for a corpus without documents, and what to do."""
    if cleaned.left_out:
        return (
            f"corpus.max_bytes of {spec.max_bytes} leaves none of {count_of(cleaned.left_out, 'document')}, the "
            f"smallest of which has {cleaned.smallest_giant} bytes: set it to at least that"
        )
    if thrown := cleaned.read.thrown:
        rule, count = thrown.most_common(1)[0]
        return (
            f"corpus: the rules of corpus.filters and corpus.rules threw all {count_of(thrown.total(), 'document')} "
            f"away, {rule} most of them ({count:,}): leave it out (corpus.rules: {{{rule}: null}}) or change its "
            "threshold"
        )
    named = [", ".join(reading.spec.paths) or "the installed Python sources" for reading in readings(spec)]
    where = ", ".join(named)
    if invalid := cleaned.read.invalid:
        return f"corpus: no valid text in {count_of(files, 'file')} of {where}: {counted(invalid)} skipped"
    return f"corpus: no text in {count_of(files, 'file')} of {where}; name files that hold some in corpus.paths"


def count_of(count: int, noun: str) -> str:
    """A number of things, such as `1 file` or `2 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def counted(counts: Mapping[str, int]) -> str:
    """Reasons with their numbers, the most frequent first."""
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count:,} {reason}" for reason, count in ranked)

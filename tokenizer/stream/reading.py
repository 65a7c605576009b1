"""The first step: reads a portion, holds its documents to the rules, and writes them as runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizer.corpus_error import CorpusFileError
from tokenizer.corpus_spec import CorpusSpec
from tokenizer.dedup import content_digest
from tokenizer.filters.screen import Screen
from tokenizer.installed import read_source
from tokenizer.locations import location_of
from tokenizer.parquet_reader import read_parquet
from tokenizer.readers import Span, line_at, read_jsonl, read_text, read_whole
from tokenizer.refusals import Refusals
from tokenizer.stream.portions import Portion
from tokenizer.stream.runs import Stored, write_run

RUN_BYTES = 32_000_000
"""UTF-8 bytes of text that a process holds before it writes a run."""
SAMPLES = 3
"""Documents that are kept as examples of what a rule threw away."""
SAMPLE_CHARACTERS = 200
"""Their first characters that are kept."""


@dataclass
class Read:
    """What a portion held."""

    documents: int = 0
    """Documents that were read, without blank ones."""
    bytes: int = 0
    """Their UTF-8 bytes."""
    invalid: Counter[str] = field(default_factory=Counter)
    """Documents and files that were skipped, by reason."""
    thrown: Counter[str] = field(default_factory=Counter)
    """Documents that a rule threw away, by its name."""
    lines: Counter[str] = field(default_factory=Counter)
    """Lines that a rule took out, by its name."""
    samples: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """By rule: (digest, beginning) of the documents with the smallest digests that it threw away."""
    runs: list[str] = field(default_factory=list)
    """Names of the runs, in order."""

    def add(self, other: Read) -> None:
        """Add what another portion held, behind this one."""
        self.documents += other.documents
        self.bytes += other.bytes
        self.invalid += other.invalid
        self.thrown += other.thrown
        self.lines += other.lines
        self.runs += other.runs
        for rule, samples in other.samples.items():
            self.samples[rule] = sorted([*self.samples.get(rule, []), *samples])[:SAMPLES]

    def throw(self, rule: str, text: str) -> None:
        """Count a document that a rule threw away."""
        self.thrown[rule] += 1
        sample = (content_digest(text).hex(), text.strip()[:SAMPLE_CHARACTERS])
        self.samples[rule] = sorted({*self.samples.get(rule, []), sample})[:SAMPLES]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Read:
        """From what `to_dict` and JSON made of it."""
        counters = {name: Counter(data[name]) for name in ("invalid", "thrown", "lines")}
        samples = {rule: [(d, t) for d, t in some] for rule, some in data["samples"].items()}
        return cls(data["documents"], data["bytes"], **counters, samples=samples, runs=data["runs"])


def read_portion(spec: CorpusSpec, portion: Portion, folder: Path, name: str) -> Read:
    """Write the documents of a portion that stay to runs in `folder`, named after it; distinct within each run.

    Raises:
        CorpusFileError: with file and line.
        OSError: the disk is full.
    """
    refusals, found, screen = Refusals(skip=spec.invalid == "skip"), Read(), spec.screen
    waiting: dict[bytes, Stored] = {}
    size = 0
    for text, origin in _texts(spec, portion, refusals):
        found.documents += 1
        found.bytes += len(text.encode())
        document = _kept(text, origin, screen, found)
        if document is None:
            continue
        size += len(document.raw)
        waiting.setdefault(document.digest, document)
        if size >= RUN_BYTES:
            _write(waiting, folder, name, found)
            size = 0
    if waiting:
        _write(waiting, folder, name, found)
    found.invalid = refusals.counts
    return found


def _kept(text: str, origin: str, screen: Screen, found: Read) -> Stored | None:
    """A document as the rules leave it; None where they throw it away."""
    if screen.chosen:
        verdict = screen.judge(text)
        found.lines.update(verdict.lines)
        if verdict.rule:
            found.throw(verdict.rule, text)
            return None
        text = verdict.text
    return Stored(content_digest(text), text.encode(), origin)


def _write(waiting: dict[bytes, Stored], folder: Path, name: str, found: Read) -> None:
    """Write the documents as the next run and forget them."""
    run = f"{name}-{len(found.runs)}.run"
    write_run(folder / run, [waiting[digest] for digest in sorted(waiting)])
    found.runs.append(run)
    waiting.clear()


_NUL = re.compile("\0")


def _texts(spec: CorpusSpec, portion: Portion, refusals: Refusals) -> Iterator[tuple[str, str]]:
    """(text, origin) of the documents of a portion, blank ones left out. Raises CorpusFileError."""
    for given, origin in portion.files:
        try:
            for text in _documents(spec, given, portion, refusals):
                if _NUL.search(text):
                    refusals.refuse(
                        "NUL",
                        f"{given}: a document of it holds a NUL, which no text does; convert the file, or leave such "
                        "documents out with corpus.invalid: skip",
                    )
                elif text.strip():
                    yield text, origin
        except CorpusFileError as error:
            refusals.end_file(_with_line(error, spec, given, portion))


def _with_line(error: CorpusFileError, spec: CorpusSpec, given: str, portion: Portion) -> CorpusFileError:
    """The error with the number of the line in the file, where only a range of it was read."""
    if spec.source != "jsonl" or not portion.begin:
        return error
    first = line_at(location_of(given), portion.begin)
    span = Span(portion.begin, portion.end, first)
    try:
        for _ in read_jsonl(location_of(given), spec.text_key, Refusals(), span):
            pass
    except CorpusFileError as again:
        return again
    return error


def _documents(spec: CorpusSpec, given: str, portion: Portion, refusals: Refusals) -> Iterable[str]:
    """The documents of one file of a portion. Raises CorpusFileError."""
    location, span = location_of(given), Span(portion.begin, portion.end)
    if spec.source == "python":
        source = read_source(Path(given))
        return () if source is None else (source,)
    if spec.source == "jsonl":
        return read_jsonl(location, spec.text_key, refusals, span)
    if spec.source == "parquet":
        return read_parquet(location, spec.text_key, refusals, span)
    if spec.whole_files:
        return read_whole(location, refusals)
    return read_text(location, refusals, spec.separator)

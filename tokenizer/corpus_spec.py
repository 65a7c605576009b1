"""Where the documents of a corpus come from, which of them stay, and how many are taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tokenizer.corpus_error import CorpusError
from tokenizer.domain_spec import DomainSpec, check_names, check_weights
from tokenizer.filters.screen import RULES, SETS, Screen
from tokenizer.readers import DOCUMENT_SEPARATOR
from tokenizer.refusals import CHOICES

SOURCES = ("python", "text", "jsonl", "parquet")
"""Kinds of source."""
LEAST_NEAR = 0.5
"""Smallest threshold of near duplicates."""
MOST_WORDS = 32
"""Longest n-gram of near duplicates, words."""


@dataclass(frozen=True)
class CorpusSpec:
    """Where the documents come from, which stay, and how many are taken. [More](corpora.md)."""

    source: str = "python"
    """Kind of source: python (the Python files installed on this machine, without any download) | text | jsonl |
    parquet."""
    paths: tuple[str, ...] = ()
    """Files, folders or globs, relative to the current folder, or URLs such as s3://bucket/*.jsonl.gz; needed by every
    source but python, which takes none. A folder stands for its .txt and .md (text), .jsonl and .ndjson (jsonl) or
    .parquet files, also with .gz or .zst behind. A text is cut into documents at lines that hold `separator` alone,
    else after some 16,000 characters: at a line end, or inside a line of more than 131,072. A service reads paths in
    certain folders only (ISOFLOP_CORPUS_FOLDERS), and no URLs."""
    text_key: str = "text"
    """Key of a JSON line, or column of a Parquet file, that holds the text."""
    max_bytes: int = 60_000_000
    """Cap of the corpus in UTF-8 bytes after filters and removal of duplicates. Documents are taken in the order of
    their hash, which mixes all files, until the next would exceed it. 60 MB of Python are about 23 M tokens at
    vocabulary 1024. Memory does not grow with it."""
    validation_fraction: float = 0.02
    """Share of the documents, chosen by their hash, that are held out for validation."""
    separator: str = DOCUMENT_SEPARATOR
    """A line of a text with nothing else ends a document."""
    whole_files: bool = False
    """For text: every file is one document, however long, up to 256 M characters."""
    invalid: str = "error"
    """What is done about a document that is no text (not UTF-8, half a surrogate pair, a NUL; no JSON, no such key) or
    a file that is damaged: error (stop there) | skip (leave it out and count it)."""
    filters: tuple[str, ...] = ()
    """Sets of rules that documents are held to: gopher | c4 | fineweb. They were made for English web pages."""
    rules: dict[str, Any] = field(default_factory=dict)
    """Single rules with their thresholds, such as {words_least: 20, symbols: null}: further ones, and other thresholds
    for those of the sets; null leaves a rule out."""
    near_duplicates: float = 0.0
    """Documents whose n-grams of words have at least this Jaccard similarity to another's (by MinHash, so about) are
    left out but for one; 0.5 to 1, or 0 to keep them. Of a training and a validation document the latter stays."""
    near_ngram: int = 5
    """Words of such an n-gram."""
    mix: tuple[DomainSpec, ...] = ()
    """Domains that the corpus is mixed of, each with a source and a weight of its own, instead of one source:
    [more](corpora.md#domains). `max_bytes` is then the cap of each."""
    validation: dict[str, str] = field(default_factory=dict)
    """Further validation sets by name, each a file, a folder, a glob or a URL: every run is scored on each. JSON lines
    and Parquet are told by the name, all else is text; `text_key` and `separator` are those of the corpus."""

    def __post_init__(self) -> None:
        """Take a single path or set of rules for a tuple of one; check every field. Raises CorpusError."""
        for name in ("paths", "filters"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        if self.source not in SOURCES:
            raise CorpusError(f"is {self.source!r}: choose one of {', '.join(SOURCES)}", "source")
        if self.source == "python" and self.paths:
            raise CorpusError("is set, but the source python takes none: set corpus.source to text", "paths")
        object.__setattr__(self, "mix", tuple(self.mix))
        if self.mix:
            self._check_mix()
        if self.source != "python" and not self.paths:
            raise CorpusError(f"is empty: the source {self.source} needs files, folders or globs", "paths")
        if self.max_bytes < 1:
            raise CorpusError(f"must be at least 1, is {self.max_bytes}", "max_bytes")
        if not 0 < self.validation_fraction < 1:
            raise CorpusError(f"must lie between 0 and 1, is {self.validation_fraction}", "validation_fraction")
        check_names(self.mix, tuple(self.validation))
        self._check_text()
        self._check_rules()

    def _check_mix(self) -> None:
        """Raises CorpusError for what belongs to the domains instead, for their weights, and for a wrong domain."""
        for name in ("source", "paths", "whole_files", "filters", "rules"):
            if getattr(self, name) not in ("python", (), False, {}):
                raise CorpusError("is set beside corpus.mix: it belongs to the domains there", name)
        check_weights(self.mix)
        for number, domain in enumerate(self.mix):
            try:
                replace(self, mix=(), validation={}, **domain.reading)
            except CorpusError as error:
                raise CorpusError(error.message, f"mix.{number}.{error.key}") from error

    def _check_text(self) -> None:
        """Raises CorpusError for what says how documents are cut and which are text."""
        if not self.separator.strip() or self.separator != self.separator.strip():
            raise CorpusError(f"is {self.separator!r}: it must hold signs, without blanks around them", "separator")
        if self.whole_files and self.source != "text":
            raise CorpusError(f"is true, but corpus.source is {self.source}: leave it out", "whole_files")
        if self.invalid not in CHOICES:
            raise CorpusError(f"is {self.invalid!r}: choose one of {', '.join(CHOICES)}", "invalid")

    def _check_rules(self) -> None:
        """Raises CorpusError for what says which documents stay."""
        for name in self.filters:
            if name not in SETS:
                raise CorpusError(f"holds {name!r}: choose from {', '.join(SETS)}", "filters")
        for name, threshold in self.rules.items():
            if name not in RULES:
                raise CorpusError(f"is no rule; the rules are {', '.join(RULES)}", f"rules.{name}")
            if threshold is not None and (isinstance(threshold, bool) or not isinstance(threshold, int | float)):
                raise CorpusError(f"is {threshold!r}: give a number, or null to leave it out", f"rules.{name}")
        near = self.near_duplicates
        if near and not LEAST_NEAR <= near <= 1:
            raise CorpusError(f"must be 0, or lie between {LEAST_NEAR} and 1, is {near}", "near_duplicates")
        if not 1 <= self.near_ngram <= MOST_WORDS:
            raise CorpusError(f"must lie between 1 and {MOST_WORDS}, is {self.near_ngram}", "near_ngram")

    @property
    def screen(self) -> Screen:
        """The rules with their thresholds."""
        return Screen(self.filters, self.rules)


def told_json(corpus: Mapping[str, Any]) -> dict[str, Any]:
    """A corpus as plain data without what was added to the schema later and is as it was before.

    So revisions of sweeps and datasets stay those of earlier releases.
    """
    later = (
        *("separator", "whole_files", "invalid", "filters", "rules", "near_duplicates", "near_ngram"),
        *("mix", "validation"),
    )
    plain = {"separator": DOCUMENT_SEPARATOR, "invalid": CHOICES[0], "near_ngram": 5}
    return {key: value for key, value in corpus.items() if key not in later or (value and value != plain.get(key))}

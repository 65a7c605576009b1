"""One domain of a corpus that is mixed of several: where its documents come from, and its weight."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Final

from tokenizer.corpus_error import CorpusError
from tokenizer.readers import DOCUMENT_SEPARATOR

MOST_DOMAINS: Final = 32
"""Domains of a mix at most."""
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
"""Names of domains and validation sets: parts of the names of files, columns and options."""


@dataclass(frozen=True)
class DomainSpec:
    """One domain of `corpus.mix`: a source of its own with its weight."""

    name: str = ""
    """What it is called, at most 32 letters, digits, hyphens and underscores. By default its first file's name without
    endings, or its source."""
    weight: float = 1.0
    """Share of the training tokens that are read from it, in relation to the other weights: their sum does not
    matter."""
    source: str = "python"
    """As `corpus.source`."""
    paths: tuple[str, ...] = ()
    """As `corpus.paths`."""
    text_key: str = "text"
    """As `corpus.text_key`."""
    separator: str = DOCUMENT_SEPARATOR
    """As `corpus.separator`."""
    whole_files: bool = False
    """As `corpus.whole_files`."""
    filters: tuple[str, ...] = ()
    """As `corpus.filters`."""
    rules: dict[str, Any] = field(default_factory=dict)
    """As `corpus.rules`."""

    def __post_init__(self) -> None:
        """Take a single path or set of rules for a tuple of one, and give it a name."""
        for name in ("paths", "filters"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        if not self.name:
            stem = PurePath(self.paths[0]).name.split(".")[0] if self.paths else ""
            object.__setattr__(self, "name", stem if NAME.fullmatch(stem) else self.source)

    @property
    def reading(self) -> Mapping[str, Any]:
        """How it is read: its fields by the names that a corpus without domains has for them."""
        return {name: value for name, value in vars(self).items() if name not in ("name", "weight")}


def check_names(domains: Sequence[DomainSpec], sets: Sequence[str]) -> None:
    """Raise CorpusError for names of domains and validation sets that are no names, or given twice."""
    if len(domains) > MOST_DOMAINS:
        raise CorpusError(f"has {len(domains)} domains: at most {MOST_DOMAINS}", "mix")
    seen: set[str] = set()
    named = [(domain.name, f"mix.{number}.name") for number, domain in enumerate(domains)]
    for name, key in [*named, *((name, f"validation.{name}") for name in sets)]:
        if not NAME.fullmatch(name):
            raise CorpusError(f"is {name[:40]!r}: a name has 1 to 32 letters, digits, hyphens and underscores", key)
        if name in seen:
            raise CorpusError(f"is {name!r}, as another domain or validation set is: give each its own name", key)
        seen.add(name)


def check_weights(domains: Sequence[DomainSpec]) -> None:
    """Raise CorpusError for a weight that is not positive."""
    for number, domain in enumerate(domains):
        if not 0 < domain.weight < float("inf"):
            remedy = "give a positive number, or leave the domain out"
            raise CorpusError(f"is {domain.weight:g}: {remedy}", f"mix.{number}.weight")


def weighted(domains: Sequence[DomainSpec], name: str, weight: float) -> tuple[DomainSpec, ...]:
    """The domains, one of them with another weight. Raises CorpusError where there is none of the name."""
    if name not in (domain.name for domain in domains):
        known = ", ".join(domain.name for domain in domains) or "none: the corpus has no mix"
        raise CorpusError(f"names no domain of corpus.mix; they are {known}", f"weight.{name}")
    return tuple(replace(domain, weight=weight) if domain.name == name else domain for domain in domains)


def shares(domains: Sequence[DomainSpec]) -> dict[str, float]:
    """The share of the training tokens of each domain, by name in alphabetical order; to twelve decimals."""
    total = sum(domain.weight for domain in domains)
    return {domain.name: round(domain.weight / total, 12) for domain in sorted(domains, key=lambda one: one.name)}

"""What a corpus is read from: its validation files first, then each domain, or the whole as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

from tokenizer.corpus_error import CorpusError
from tokenizer.corpus_spec import CorpusSpec, told_json
from tokenizer.domain_spec import DomainSpec
from tokenizer.files import source_of

AFTER_READING: Final = ("max_bytes", "validation_fraction", "near_duplicates", "near_ngram")
"""Keys of a corpus that decide what stays of it after it is read: values of these share one reading."""


@dataclass(frozen=True)
class Reading:
    """A part of a corpus with a source of its own."""

    name: str
    """Of the domain or the validation set; empty where the corpus is read as one."""
    spec: CorpusSpec
    """How its files are read, and which of its documents stay."""
    key: str = ""
    """Where the sweep file names it, below `corpus`; empty where the corpus is read as one."""
    held_out: bool = False
    """Whether all of it is for validation."""


def readings(spec: CorpusSpec) -> tuple[Reading, ...]:
    """The parts of a corpus, what is held out before what is trained on."""
    held_out = [
        Reading(name, _plain(spec, DomainSpec(name, 1.0, source_of((path,)), (path,), spec.text_key, spec.separator)),
                f"validation.{name}", held_out=True)
        for name, path in spec.validation.items()
    ]  # fmt: skip
    if not spec.mix:
        return (*held_out, Reading("", replace(spec, validation={})))
    domains = [Reading(one.name, _plain(spec, one), f"mix.{number}") for number, one in enumerate(spec.mix)]
    return (*held_out, *domains)


def _plain(spec: CorpusSpec, domain: DomainSpec) -> CorpusSpec:
    """A corpus of one domain alone."""
    return replace(spec, mix=(), validation={}, **domain.reading)


def at(reading: Reading, error: CorpusError) -> CorpusError:
    """An error of a part of a corpus with the part's key."""
    if not reading.key:
        return error
    return type(error)(error.message.removeprefix("corpus.paths: "), reading.key)


def cleaning_json(spec: CorpusSpec) -> Mapping[str, Any]:
    """What decides which documents of a corpus stay: all of it but the weights of its domains."""
    plain = told_json(asdict(spec))
    if spec.mix:
        plain["mix"] = [{key: value for key, value in one.items() if key != "weight"} for one in plain["mix"]]
    return plain


def as_read(spec: CorpusSpec) -> CorpusSpec:
    """A corpus with the default of every key that holds only after it is read."""
    defaults: dict[str, Any] = {each.name: each.default for each in fields(spec) if each.name in AFTER_READING}
    return replace(spec, **defaults)


def reading_json(spec: CorpusSpec) -> Mapping[str, Any]:
    """What decides which documents are read from the files of a corpus: all of it but the keys in AFTER_READING."""
    return cleaning_json(as_read(spec))

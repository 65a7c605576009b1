"""Tokenizers by themselves: trained on a corpus, and compared on it by length, speed and FLOPs per byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from model.config import ModelConfig
from model.flops import flops_by_part
from orchestrator.use_cases.workspace import Say
from tokenizer.corpus import Corpus, CorpusError, CorpusSpec, read_documents
from tokenizer.files import source_of
from tokenizer.loading import load_given
from tokenizer.measure import Measured, measure
from tokenizer.progress import Stage
from tokenizer.training import train_at_most, train_tokenizer
from tokenizer.vocabulary import FILE, Tokenizer, TokenizerSpec

KINDS = ("byte", "character", "word")
"""Baselines beside BPE."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One tokenizer of a comparison."""

    measured: Measured
    """What it makes of the corpus."""
    flops_per_byte: dict[str, float]
    """Training FLOPs of a byte by the parts of `flops_by_part`, at the comparison's shape with its vocabulary."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        parts = {f"{part}_flops_per_byte": value for part, value in self.flops_per_byte.items()}
        return asdict(self.measured) | parts | {"flops_per_byte": sum(self.flops_per_byte.values())}


def corpus_of(paths: Sequence[str], source: str, text_key: str, max_bytes: int) -> CorpusSpec:
    """The corpus of some files; without a source, by the ending of the first. Raises CorpusError."""
    return CorpusSpec(source=source or source_of(paths), paths=tuple(paths), text_key=text_key, max_bytes=max_bytes)


def train(corpus: CorpusSpec, spec: TokenizerSpec, say: Say) -> Tokenizer:
    """Train a tokenizer as a sweep on this corpus would, on its training documents.

    Raises:
        CorpusError, TokenizerError.
    """
    documents = read_documents(corpus, say)
    side, _ = documents.split(corpus.validation_fraction)
    return train_tokenizer(spec, (document.text for document in side or documents.documents), say)


def load(path: str) -> Tokenizer:
    """The tokenizer of a file, checked. Raises TokenizerError."""
    return load_given(TokenizerSpec(FILE, path=path))


def compare(
    corpus: CorpusSpec, vocabs: Sequence[int], given: Sequence[str], shape: ModelConfig, say: Say
) -> list[Compared]:
    """Byte, character and word tokenizers, BPE of several sizes and the user's, on one corpus and at one shape.

    Args:
        corpus: where the documents come from; bytes per token are measured on those held out.
        vocabs: entries of the BPE tokenizers; the middle one is the size of the character and word tokenizers.
        given: files of the user's.
        shape: shape of the model; its vocabulary is replaced by each tokenizer's.
        say: hears how far it is.

    Raises:
        CorpusError, TokenizerError.
    """
    mine = [load(path) for path in given]
    documents = read_documents(corpus, say)
    train_side, held_out = (tuple(document.text for document in side) for side in _sides(corpus, documents))
    stage = Stage("encoding", say)
    found = []
    for tokenizer in (*_trained(vocabs, train_side, say), *mine):
        measured = measure(tokenizer, train_side, held_out, stage.tick)
        found.append(Compared(measured, _flops_per_byte(shape, measured)))
    return found


def _sides(spec: CorpusSpec, corpus: Corpus) -> tuple[Sequence[Any], Sequence[Any]]:
    """(documents to train on, documents held out). Raises CorpusError where there is but one document."""
    train_side, held_out = corpus.split(spec.validation_fraction)
    if train_side and held_out:
        return train_side, held_out
    if len(corpus.documents) < 2:
        raise CorpusError("corpus: one document cannot be split into training and held-out text: give more documents")
    return corpus.documents[1:], corpus.documents[:1]


def _trained(vocabs: Sequence[int], texts: Sequence[str], say: Say) -> Iterator[Tokenizer]:
    """The baselines and BPE of each size, trained on texts."""
    sizes = sorted(set(vocabs))
    middle = sizes[len(sizes) // 2]
    for kind in KINDS:
        yield train_at_most(TokenizerSpec(kind, middle), texts, say)
    for vocab in sizes:
        yield train_at_most(TokenizerSpec("bpe", vocab), texts, say)


def _flops_per_byte(shape: ModelConfig, measured: Measured) -> dict[str, float]:
    """Training FLOPs of a byte by part of the model."""
    parts = flops_by_part(replace(shape, vocab=measured.entries))
    return {part: flops / measured.bytes_per_token for part, flops in parts.items()}

"""Trains the tokenizer of a spec on the beginning of a corpus, within bounded time for any text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from tokenizer.bpe_trainer import TrainerDied, train_bpe, train_bpe_apart
from tokenizer.progress import Report, Stage, silent
from tokenizer.stretches import all_parts
from tokenizer.vocabulary import (
    BOS,
    SMALLEST_VOCAB,
    SPLITTERS,
    BpeTokenizer,
    PieceTokenizer,
    Tokenizer,
    TokenizerError,
    TokenizerSpec,
)

TRAINING_BYTES = 5_000_000
"""UTF-8 bytes of text on which a small vocabulary is trained. At vocabulary 1024 the corpus becomes 1.4 % longer in
tokens than with 10 MB, and 1.6 % longer than with 20 MB."""
TRAINING_BYTES_PER_ENTRY = 5_000
"""UTF-8 bytes of text per entry on which a larger vocabulary is trained."""
MOST_HERE = 50_000
"""Characters of text up to which BPE is trained in this process: within a fraction of a second, whatever they are."""


def train_tokenizer(spec: TokenizerSpec, texts: Iterable[str], report: Report = silent) -> Tokenizer:
    """Train on the first `training_text_bytes` of the texts, in whole texts. `report` hears of it if it takes long.

    Raises TokenizerError where the texts allow fewer entries than the spec asks for.
    """
    tokenizer = train_at_most(spec, texts, report)
    if tokenizer.vocab_size != spec.entries:
        raise TokenizerError(
            f"tokenizer.vocab is {spec.vocab}, but the corpus allows {spec.kind} only {tokenizer.vocab_size} entries: "
            f"set it to {tokenizer.vocab_size} or less, or give a larger corpus"
        )
    return tokenizer


def train_at_most(spec: TokenizerSpec, texts: Iterable[str], report: Report = silent) -> Tokenizer:
    """`train_tokenizer`, content with fewer entries where the texts do not allow more."""
    stage = Stage("tokenizer: training", report)
    sample = _first_bytes(texts, training_text_bytes(spec))
    return _train_bpe(spec, sample, stage.tick) if spec.kind == "bpe" else _train_pieces(spec, sample, stage.tick)


def training_text_bytes(spec: TokenizerSpec) -> int:
    """UTF-8 bytes of text on which a tokenizer is trained: the larger of TRAINING_BYTES and those for its entries."""
    return max(TRAINING_BYTES, TRAINING_BYTES_PER_ENTRY * spec.vocab)


def _first_bytes(texts: Iterable[str], limit: int) -> Iterator[str]:
    """Whole texts up to the limit in UTF-8 bytes; the first one in any case."""
    taken = 0
    for number, text in enumerate(texts):
        taken += len(text.encode())
        if number and taken > limit:
            return
        yield text


def _train_bpe(spec: TokenizerSpec, texts: Iterable[str], tick: Callable[[], None]) -> Tokenizer:
    """Byte-level BPE, in a process of its own where the texts are many."""
    stream = all_parts(texts)
    few: list[str] = []
    characters = 0
    for part in stream:
        few.append(part)
        characters += len(part)
        if characters > MOST_HERE:
            break
    else:
        return BpeTokenizer(train_bpe(few, spec.vocab, BOS))
    try:
        return BpeTokenizer(train_bpe_apart(chain(few, stream), spec.vocab, BOS, tick))
    except TrainerDied as error:
        raise TokenizerError(
            f"the tokenizer's training ended by {error}, as if memory had run out: free some, or lower tokenizer.vocab"
        ) from error


def _train_pieces(spec: TokenizerSpec, texts: Iterable[str], tick: Callable[[], None]) -> Tokenizer:
    """A baseline: the most frequent pieces, ties in the order of the pieces."""
    counts: Counter[str] = Counter()
    if spec.kind != "byte":
        for text in texts:
            counts.update(SPLITTERS[spec.kind](text))
            tick()
    ranked = sorted(counts, key=lambda piece: (-counts[piece], piece))
    return PieceTokenizer(spec.kind, ranked[: spec.entries - SMALLEST_VOCAB])

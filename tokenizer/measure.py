"""Measures what a tokenizer makes of a corpus: length, entries used, what unknown words cost, and speed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokenizer.encode import choose_encoder, encode_documents
from tokenizer.vocabulary import SMALLEST_VOCAB, SPLITTERS, BpeTokenizer, PieceTokenizer, Tokenizer

MOST_WORDS = 50_000
"""Different words whose tokens are counted, the most frequent ones."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one tokenizer makes of a corpus."""

    name: str
    """Kind and size, such as bpe-1024."""
    entries: int
    """Entries of the vocabulary."""
    bytes_per_token: float
    """UTF-8 bytes per token of the held-out documents."""
    tokens: int
    """Tokens of the whole corpus, with one before each document."""
    entries_used: int
    """Entries that occur in the corpus."""
    byte_tokens: float
    """Share of the corpus's tokens that stand for a single byte: all of the byte tokenizer's; of a character or word
    tokenizer's those of pieces without an entry."""
    whole_words: float
    """Share of the held-out words that are one token."""
    tokens_per_other_word: float
    """Mean tokens of the other words: what a word costs that has no entry of its own. 0 where there is none."""
    encode_mb_per_second: float
    """UTF-8 megabytes encoded in a second, on this machine in this process."""


def measure(
    tokenizer: Tokenizer, train: Sequence[str], held_out: Sequence[str], tick: Callable[[str], None]
) -> Measured:
    """Encode a corpus and count.

    Args:
        tokenizer: what encodes it.
        train: the documents that tokenizers were trained on.
        held_out: the other documents, at least one with text.
        tick: is called for each document, with what is being done.
    """
    encoder = choose_encoder(tokenizer, train)
    counts = np.zeros(tokenizer.vocab_size, dtype=np.int64)
    sizes: list[int] = []
    text_bytes = 0
    started = time.perf_counter()
    for side in (train, held_out):
        sizes.append(0)
        for ids in encode_documents(encoder, side, tokenizer.bos_id, np.uint32):
            counts += np.bincount(ids, minlength=len(counts))
            sizes[-1] += len(ids)
            tick(tokenizer.name)
        text_bytes += _bytes(side)
    seconds = time.perf_counter() - started
    whole, other = _words(tokenizer, held_out)
    documents = len(train) + len(held_out)
    return Measured(
        name=tokenizer.name,
        entries=tokenizer.vocab_size,
        bytes_per_token=_bytes(held_out) / (sizes[1] - len(held_out)),
        tokens=sum(sizes),
        entries_used=int(np.count_nonzero(counts)),
        byte_tokens=_byte_tokens(tokenizer, counts) / (sum(sizes) - documents),
        whole_words=whole,
        tokens_per_other_word=other,
        encode_mb_per_second=text_bytes / 1e6 / seconds,
    )


def _bytes(texts: Iterable[str]) -> int:
    """UTF-8 bytes of texts."""
    return sum(len(text.encode()) for text in texts)


def _byte_tokens(tokenizer: Tokenizer, counts: npt.NDArray[np.int64]) -> int:
    """How many of the tokens stand for a single byte."""
    if isinstance(tokenizer, BpeTokenizer | PieceTokenizer):
        return int(counts[1:SMALLEST_VOCAB].sum())
    used = [token for token in np.flatnonzero(counts).tolist() if token != tokenizer.bos_id]
    single = [token for token in used if (text := tokenizer.decode([token])) == "\ufffd" or len(text.encode()) == 1]
    return int(counts[single].sum())


def _words(tokenizer: Tokenizer, texts: Iterable[str]) -> tuple[float, float]:
    """(share of words that are one token, mean tokens of the others), over the occurrences of words in texts."""
    words = Counter(word for text in texts for word in SPLITTERS["word"](text) if not word.isspace())
    ranked = sorted(words, key=lambda word: (-words[word], word))[:MOST_WORDS]
    lengths = [len(ids) for ids in tokenizer.encode_batch(ranked)]
    occurrences = sum(words[word] for word in ranked)
    others = sum(words[word] for word, length in zip(ranked, lengths, strict=True) if length > 1)
    tokens = sum(words[word] * length for word, length in zip(ranked, lengths, strict=True) if length > 1)
    return 1 - others / max(1, occurrences), tokens / others if others else 0.0

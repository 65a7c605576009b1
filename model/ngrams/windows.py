"""The windows that a run reads and the ones that it is scored on, as arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokenizer.mixing import domains_of, mixed_indices
from tokenizer.shards import Shards
from tokenizer.windows import EVALUATION_TOKENS, gather, sequence_count, sequence_indices

Ids = npt.NDArray[np.unsignedinteger]
"""Ids of windows, [windows, context + 1]."""


@dataclass(frozen=True, slots=True)
class Windows:
    """What n-grams are counted in and scored on: each sees what a Transformer sees of a token's past.

    That is nothing before its window, and all that is in it, beyond the separators of documents, too.
    """

    train: Ids
    """Of the training text, in the order in which a run reads them."""
    validation: Ids
    """Of the validation text, as `model.evaluate` scores them; the last one may end in padding."""
    scored: npt.NDArray[np.bool_]
    """Which targets of the validation windows are scored, [windows, context]."""
    bytes_per_token: float
    """UTF-8 bytes per scored token: bits per byte = nats per token ÷ ln 2 ÷ this."""


def unique_windows(data: Shards, context: int) -> int:
    """Windows that a run reads before any is read again: one epoch, or until a domain of a mix begins again."""
    windows = sequence_count(len(data.train), context)
    return min(windows, data.manifest.unique_tokens // context) if data.manifest.domains else windows


def windows_of(data: Shards, context: int, sequences: int, seed: int) -> Windows:
    """The first windows that a run with a seed reads, at most the different ones, and those that it is scored on.

    These are the first EVALUATION_TOKENS, or all tokens where the dataset compares tokenizers.
    """
    known, domains = unique_windows(data, context), domains_of(data.manifest.domains, context)
    if domains:
        order = mixed_indices(seed, 0, min(sequences, known), domains)
    else:
        order = sequence_indices(seed, 0, min(sequences, known), known)
    train = gather(data.train, order, context).astype(data.train.dtype)
    tokens, whole = data.validation, data.manifest.scored_bytes
    if not whole:
        count = min(sequence_count(len(tokens), context), max(1, EVALUATION_TOKENS // context))
        held_out = gather(tokens, np.arange(count), context).astype(tokens.dtype)
        return Windows(train, held_out, np.ones((count, context), bool), data.manifest.text_of().bytes_per_token)
    targets = len(tokens) - 1
    count = math.ceil(targets / context)
    padded = np.concatenate((tokens, np.zeros(count * context - targets, tokens.dtype)))
    held_out = gather(padded, np.arange(count), context).astype(tokens.dtype)
    scored = np.arange(count * context).reshape(count, context) < targets
    return Windows(train, held_out, scored, whole / targets)

"""Scores a model on the validation tokens: the same first ones for every run, or all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from model.batches import windows_at
from model.device import autocast
from model.transformer import Transformer
from tokenizer.shards import Shards
from tokenizer.windows import sequence_count

EVALUATION_TOKENS = 131_072
"""Validation tokens that each run is scored on, or all of them where the corpus has fewer, in whole sequences."""
BATCH_TOKENS = {"cpu": 1024, "cuda": 65_536}
"""Tokens of one forward pass by kind of device; a small one stays in a CPU's cache."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's score on validation text."""

    loss: float
    """Mean cross-entropy in nats per token."""
    bits_per_byte: float
    """The same per UTF-8 byte of the text: loss ÷ ln 2 ÷ bytes per token of the whole validation split; where all of it
    is scored, all nats ÷ ln 2 ÷ all bytes."""
    tokens: int
    """Tokens that were predicted."""


def evaluation_batch(context: int, device: torch.device) -> int:
    """Sequences that are scored at once, at least 1."""
    return max(1, BATCH_TOKENS["cpu" if device.type == "cpu" else "cuda"] // context)


@torch.inference_mode()
def evaluate(model: Transformer, data: Shards, device: torch.device, numerics: str, on: str = "") -> Evaluation:
    """Score `model` on the first EVALUATION_TOKENS validation tokens, in whole sequences, at least one.

    `on` names a further validation set of the dataset; by default it is the validation split.

    A dataset for comparing tokenizers (`scored_bytes`) is scored on all of its validation documents, to the last token,
    so that the nats are those of the same text whatever the tokenizer makes of it.
    """
    ids, text = data.validation_of(on), data.manifest.text_of(on)
    context, tokens = model.config.context, len(ids)
    windows, whole = sequence_count(tokens, context), text.scored_bytes > 0
    if not whole:
        windows = min(windows, max(1, EVALUATION_TOKENS // context))
    total = torch.zeros((), dtype=torch.float64, device=device)
    batch = evaluation_batch(context, device)
    for first in range(0, windows, batch):
        indices = np.arange(first, min(first + batch, windows), dtype=np.int64)
        sequences = windows_at(ids, indices, context, device).to(device, non_blocking=True)
        with autocast(device, numerics):
            total += model.loss(sequences[:, :-1], sequences[:, 1:]).double() * len(indices)
    if not whole:
        loss = total.item() / windows
        return Evaluation(loss, loss / math.log(2) / text.bytes_per_token, windows * context)
    rest = torch.from_numpy(ids[windows * context :].astype(np.int64))[None].to(device)
    nats = total.item() * context
    if rest.shape[1] > 1:
        with autocast(device, numerics):
            nats += model.loss(rest[:, :-1], rest[:, 1:]).item() * (rest.shape[1] - 1)
    return Evaluation(nats / (tokens - 1), nats / math.log(2) / text.scored_bytes, tokens - 1)

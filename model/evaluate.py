"""Scores a model on the validation tokens: the same first ones for every run."""

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
    """The same per UTF-8 byte of the text: loss ÷ ln 2 ÷ bytes per token of the whole validation split."""
    tokens: int
    """Tokens that were predicted."""


def evaluation_batch(context: int, device: torch.device) -> int:
    """Sequences that are scored at once, at least 1."""
    return max(1, BATCH_TOKENS["cpu" if device.type == "cpu" else "cuda"] // context)


@torch.inference_mode()
def evaluate(model: Transformer, data: Shards, device: torch.device, numerics: str) -> Evaluation:
    """Score `model` on the first EVALUATION_TOKENS validation tokens, in whole sequences, at least one."""
    context = model.config.context
    windows = min(sequence_count(len(data.validation), context), max(1, EVALUATION_TOKENS // context))
    batch = evaluation_batch(context, device)
    total = torch.zeros((), dtype=torch.float64, device=device)
    for first in range(0, windows, batch):
        indices = np.arange(first, min(first + batch, windows), dtype=np.int64)
        sequences = windows_at(data.validation, indices, context, device).to(device, non_blocking=True)
        with autocast(device, numerics):
            total += model.loss(sequences[:, :-1], sequences[:, 1:]).double() * len(indices)
    loss = total.item() / windows
    return Evaluation(loss, loss / math.log(2) / data.validation_bytes_per_token, windows * context)

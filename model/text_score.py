"""Scores a trained model on a text that it has not seen, whole and to the last byte."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from model.batches import windows_at
from model.device import autocast
from model.evaluate import evaluation_batch
from model.transformer import Transformer
from tokenizer.windows import sequence_count


@torch.inference_mode()
def bits_per_byte(model: Transformer, ids: Sequence[int], text_bytes: int, numerics: str) -> float:
    """All bits that a model needs for a text over its bytes.

    Args:
        model: trained, on the CPU.
        ids: BOS, then the ids of the text; at least one.
        text_bytes: UTF-8 bytes of the text.
        numerics: the run's profile.
    """
    context, device = model.config.context, torch.device("cpu")
    tokens = np.asarray(ids, dtype=np.uint32)
    windows, batch = sequence_count(len(tokens), context), evaluation_batch(context, device)
    nats = 0.0
    with autocast(device, numerics):
        for first in range(0, windows, batch):
            indices = np.arange(first, min(first + batch, windows), dtype=np.int64)
            sequences = windows_at(tokens, indices, context, device)
            nats += model.loss(sequences[:, :-1], sequences[:, 1:]).item() * len(indices) * context
        rest = torch.from_numpy(tokens[windows * context :].astype(np.int64))[None]
        if rest.shape[1] > 1:
            nats += model.loss(rest[:, :-1], rest[:, 1:]).item() * (rest.shape[1] - 1)
    return nats / math.log(2) / text_bytes

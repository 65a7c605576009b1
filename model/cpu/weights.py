"""Weights and sizes of a model of the default architecture, as its CPU branches need them."""

# Shapes follow the legend of model.transformer.

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class BlockWeights(NamedTuple):
    """The four matrices of a block, as torch's linear layers hold them."""

    qkv: Tensor
    """Queries, keys and values, [3D, D]."""
    out: Tensor
    """Attention's output, [D, D]."""
    up: Tensor
    """The MLP's gate and value, [2F, D]."""
    down: Tensor
    """The MLP's output, [D, F]."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A model of the default architecture (see `model.cpu.architecture.covers`)."""

    embedding: Tensor
    """Embedding of each token, [V, D]."""
    blocks: tuple[BlockWeights, ...]
    """The blocks, from the first to the last."""
    head: Tensor
    """Output matrix, [V, D]; with a tied head, the embedding times the factor of the logits."""
    cos: Tensor
    """Cosines of RoPE's angles, [T, P], for at least as many positions as a sequence has."""
    sin: Tensor
    """Sines of the same angles, [T, P]."""
    heads: int
    """Attention heads, H."""
    eps: float
    """Added to the mean square inside RMSNorm."""

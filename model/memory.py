"""Memory of a training step, estimated from the shape, and the micro-batch that fits. Imports no torch."""

from __future__ import annotations

import math

from model.config import ModelConfig
from model.flops import count_parameters
from model.implementation import EXPLICIT_CONTEXT_MAX

HEADROOM = 0.85
"""Share of the free memory that the estimate may fill: allocators fragment, and the model below is a model."""
STATE_BYTES = 16
"""Bytes a parameter: weight, gradient and AdamW's two moments in fp32."""
KEPT_STATE_BYTES = 12
"""Bytes a parameter of a saved state or checkpoint: weight and AdamW's two moments in fp32."""
HEAD_BYTES = 2**27
"""Bytes of logits that a chunked head holds at once, in fp32."""


def head_chunk(vocab: int) -> int:
    """Tokens whose logits are held at once by a chunked head: HEAD_BYTES of them, at least 256 tokens."""
    return max(256, HEAD_BYTES // (4 * vocab))


def state_bytes(model: ModelConfig) -> int:
    """Bytes that training takes whatever the batch."""
    return STATE_BYTES * count_parameters(model).total


def sequence_bytes(model: ModelConfig, numerics: str, *, explicit_attention: bool, whole_head: bool) -> int:
    """Bytes that one sequence keeps for the backward pass.

    A token keeps, a block, some 6 widths of the residual stream in fp32 (input, norms and their gradients) and 8 widths
    and 4 MLP widths in the profile's precision; explicit attention two rows of scores a head; and a head that is not
    chunked its logits, their fp32 copy and the gradient.
    """
    size = 2 if numerics == "bf16" else 4
    block = 4 * 6 * model.d_model + size * (8 * model.d_model + 4 * model.d_ff)
    if explicit_attention:
        block += size * 2 * model.n_heads * model.context
    head = (2 * 4 + size) * model.vocab if whole_head else 0
    return model.context * (model.n_layers * block + head)


def micro_batch_for(
    model: ModelConfig, batch: int, numerics: str, free: int, *, explicit_attention: bool, whole_head: bool
) -> int:
    """Sequences of one forward and backward pass: `batch` halved until the estimate fits into `free` bytes."""
    options = {"explicit_attention": explicit_attention, "whole_head": whole_head}
    micro = batch
    while micro > 1 and step_bytes(model, micro, numerics, **options) > HEADROOM * free:
        micro = (micro + 1) // 2
    return micro


def step_bytes(model: ModelConfig, micro: int, numerics: str, *, explicit_attention: bool, whole_head: bool) -> int:
    """Bytes of a training step whose passes are of `micro` sequences."""
    each = sequence_bytes(model, numerics, explicit_attention=explicit_attention, whole_head=whole_head)
    return state_bytes(model) + (0 if whole_head else 3 * HEAD_BYTES) + micro * each


def training_bytes(model: ModelConfig, batch: int, numerics: str, gpu_memory: int | None) -> int:
    """Bytes of a device's memory that a run should have: what its steps take, and HEADROOM of free memory beside it.

    On a GPU of `gpu_memory` bytes that is with the micro-batch that the run would choose there if it were alone, fused
    attention and a chunked head. On a CPU (None) the whole batch is one pass, and the logits are held.
    """
    on_cpu = gpu_memory is None
    explicit = on_cpu and model.context <= EXPLICIT_CONTEXT_MAX
    micro = batch
    if gpu_memory is not None:
        micro = micro_batch_for(model, batch, numerics, gpu_memory, explicit_attention=False, whole_head=False)
    taken = step_bytes(model, micro, numerics, explicit_attention=explicit, whole_head=on_cpu)
    return math.ceil(taken if on_cpu else taken / HEADROOM)

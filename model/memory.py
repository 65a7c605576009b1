"""Bytes of a training step and of a saved state by shape, and the micro-batch that fits. Imports no torch."""

from __future__ import annotations

import dataclasses
import math

from model.config import ModelConfig
from model.cpu.architecture import EXPLICIT_CONTEXT_MAX
from model.flops import count_parameters

HEADROOM = 0.85
"""Share of the free memory that the estimate may fill: allocators fragment, and the estimate is only one."""
TRAINED_PARAMETER_BYTES = 16
"""Bytes in a device's memory per parameter under AdamW: weight, gradient and two moments in fp32."""
SAVED_PARAMETER_BYTES = 12
"""Bytes on disk per parameter of a saved state or checkpoint under AdamW: weight and two moments in fp32."""
SPARED_BY_MUON = 4
"""Bytes per parameter of the blocks' matrices that Muon does without: it keeps one fp32 number, AdamW two."""
HEAD_BYTES = 2**29
"""Bytes of fp32 logits that a chunked head holds at once: enough for matrix products that fill a GPU."""


def head_chunk(vocab: int) -> int:
    """Tokens whose logits a chunked head holds at once: as many as fit into HEAD_BYTES, at least 256."""
    return max(256, HEAD_BYTES // (4 * vocab))


def state_bytes(model: ModelConfig, optimizer: str = "adamw") -> int:
    """Bytes that training takes whatever the size of the batch."""
    return TRAINED_PARAMETER_BYTES * count_parameters(model).total - _spared_bytes(model, optimizer)


def saved_bytes(model: ModelConfig, optimizer: str = "adamw") -> int:
    """Bytes on disk of a saved state or checkpoint."""
    return SAVED_PARAMETER_BYTES * count_parameters(model).total - _spared_bytes(model, optimizer)


def _spared_bytes(model: ModelConfig, optimizer: str) -> int:
    """Bytes of state that the optimizer does without beside AdamW."""
    every = dataclasses.replace(model, active=model.experts)
    matrices = count_parameters(every).matmul - model.vocab * model.d_model
    return SPARED_BY_MUON * matrices if optimizer == "muon" else 0


def sequence_bytes(model: ModelConfig, numerics: str, *, explicit_attention: bool, whole_head: bool) -> int:
    """Bytes that one sequence keeps for the backward pass.

    Per block, a token keeps some 6 widths of the residual stream in fp32 (input, norms and their gradients), 8 widths
    and 4 MLP widths in the profile's precision, and with explicit attention two rows of scores per head. Each of a
    token's experts keeps its MLP widths and, in the order of the experts, two widths more. A head that is not chunked
    adds its logits, their fp32 copy and the gradient.
    """
    size = 2 if numerics == "bf16" else 4
    block = 4 * 6 * model.d_model + size * (8 * model.d_model + 4 * model.active * model.d_ff)
    if model.experts > 1:
        block += size * 2 * model.active * model.d_model + 4 * 3 * model.experts
    if explicit_attention:
        block += size * 2 * model.n_heads * model.context
    head = (2 * 4 + size) * model.vocab if whole_head else 0
    return model.context * (model.n_layers * block + head)


def micro_batch_for(
    model: ModelConfig,
    batch: int,
    numerics: str,
    free: int,
    *,
    explicit_attention: bool,
    whole_head: bool,
    optimizer: str = "adamw",
) -> int:
    """Sequences of one forward and backward pass: `batch`, halved until the estimate fits into `free` bytes, or 1."""

    def needed(micro: int) -> int:
        """Bytes of a step in passes of so many sequences."""
        heads = {"explicit_attention": explicit_attention, "whole_head": whole_head}
        return step_bytes(model, micro, numerics, **heads, optimizer=optimizer)

    micro = batch
    while micro > 1 and needed(micro) > HEADROOM * free:
        micro = (micro + 1) // 2
    return micro


def step_bytes(
    model: ModelConfig,
    micro: int,
    numerics: str,
    *,
    explicit_attention: bool,
    whole_head: bool,
    optimizer: str = "adamw",
) -> int:
    """Bytes of a training step whose passes have `micro` sequences each."""
    each = sequence_bytes(model, numerics, explicit_attention=explicit_attention, whole_head=whole_head)
    return state_bytes(model, optimizer) + (0 if whole_head else 3 * HEAD_BYTES) + micro * each


def training_bytes(
    model: ModelConfig, batch: int, numerics: str, gpu_memory: int | None, optimizer: str = "adamw"
) -> int:
    """Bytes of a device's memory that a run should have: what its steps take, and on a GPU some free memory on top.

    On a GPU with `gpu_memory` bytes the micro-batch is the one that the run would choose there if it were alone, with
    fused attention and a chunked head; the steps then fill HEADROOM of what the run should have. On a CPU (None) the
    whole batch is one pass, and all logits are held.
    """
    on_cpu = gpu_memory is None
    explicit = on_cpu and model.context <= EXPLICIT_CONTEXT_MAX
    micro = batch
    if gpu_memory is not None:
        micro = micro_batch_for(
            model, batch, numerics, gpu_memory, explicit_attention=False, whole_head=False, optimizer=optimizer
        )
    taken = step_bytes(model, micro, numerics, explicit_attention=explicit, whole_head=on_cpu, optimizer=optimizer)
    return math.ceil(taken if on_cpu else taken / HEADROOM)

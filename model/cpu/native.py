"""The default architecture's loss by the kernels of `model/cpu/kernels`: one call a branch and direction."""

# Same mathematics as model.cpu.handwritten; equal to it up to rounding. All tensors are fp32, contiguous and on a CPU.
# The residual stream is x_BDS: channels of a sequence are rows of S ≥ T floats, and only the kernels look at those
# beyond the context. Little is kept for the backward pass: norms and attention weights are computed again.

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from model.cpu import handwritten
from model.cpu.build import Shape, library

BlockWeights = tuple[Tensor, Tensor, Tensor, Tensor]
"""A block's weights: queries, keys and values; attention's output; the MLP's gate and value; its output."""


def _call(kernel: str, shape: Shape, *tensors: Tensor | None) -> float:
    result: float = getattr(library(), kernel)(shape, *(None if t is None else t.data_ptr() for t in tensors))
    return result


class Embed(torch.autograd.Function):
    """Rows of the table as columns: [V, D] and [N] to [B, D, S]."""

    @staticmethod
    def forward(ctx: Any, table_VD: Tensor, ids_N: Tensor, shape: Shape, stride: int) -> Tensor:
        x_BDS = table_VD.new_empty(shape.sequences, shape.width, stride)
        _call("embed", shape, table_VD, ids_N, x_BDS)
        ctx.save_for_backward(ids_N)
        ctx.shape = shape
        return x_BDS

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BDS: Tensor) -> tuple[Tensor | None, ...]:
        (ids_N,) = ctx.saved_tensors
        grad_table = grad_BDS.new_empty(ctx.shape.vocab, ctx.shape.width)
        _call("embed_backward", ctx.shape, grad_BDS.contiguous(), ids_N, grad_table)
        return grad_table, None, None, None


class AttentionBranch(torch.autograd.Function):
    """x + attention(norm(x)) with QK-norm and RoPE: [B, D, S] to [B, D, S]."""

    @staticmethod
    def forward(
        ctx: Any, x_BDS: Tensor, w_qkv: Tensor, w_out: Tensor, cos_TP: Tensor, sin_TP: Tensor, shape: Shape
    ) -> Tensor:
        B, D, S = x_BDS.shape
        qkv, y_BDS, total = x_BDS.new_empty(B, 3 * D, S), torch.empty_like(x_BDS), x_BDS.new_empty(B, shape.heads, S)
        kept = (x_BDS, w_qkv, w_out, cos_TP, sin_TP, qkv, y_BDS, total)
        out_BDS = torch.empty_like(x_BDS)
        _call("attention_branch", shape, *kept, out_BDS)
        ctx.save_for_backward(*kept)
        ctx.shape = shape
        return out_BDS

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BDS: Tensor) -> tuple[Tensor | None, ...]:
        kept = ctx.saved_tensors
        gradients = [torch.empty_like(part) for part in kept[:3]]
        _call("attention_branch_backward", ctx.shape, *kept, grad_BDS.contiguous(), *gradients)
        return *gradients, None, None, None


class MlpBranch(torch.autograd.Function):
    """x + W·(silu(G·norm(x)) ⊙ U·norm(x)): [B, D, S] to [B, D, S]."""

    @staticmethod
    def forward(ctx: Any, x_BDS: Tensor, w_up: Tensor, w_down: Tensor, shape: Shape) -> Tensor:
        both = x_BDS.new_empty(len(x_BDS), 2 * shape.hidden, x_BDS.shape[2])
        out_BDS = torch.empty_like(x_BDS)
        _call("mlp_branch", shape, x_BDS, w_up, w_down, both, out_BDS)
        ctx.save_for_backward(x_BDS, w_up, w_down, both)
        ctx.shape = shape
        return out_BDS

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BDS: Tensor) -> tuple[Tensor | None, ...]:
        kept = ctx.saved_tensors
        gradients = [torch.empty_like(part) for part in kept[:3]]
        _call("mlp_branch_backward", ctx.shape, *kept, grad_BDS.contiguous(), *gradients)
        return *gradients, None


class HeadLoss(torch.autograd.Function):
    """Mean cross-entropy of head·norm(x); gradients are made in the forward pass."""

    @staticmethod
    def forward(ctx: Any, x_BDS: Tensor, w_VD: Tensor, targets_N: Tensor, shape: Shape) -> Tensor:
        grad_x, grad_w = torch.empty_like(x_BDS), torch.empty_like(w_VD)
        loss = _call("head_loss", shape, x_BDS, w_VD, targets_N, grad_x, grad_w)
        ctx.save_for_backward(grad_x, grad_w)
        return x_BDS.new_tensor(loss)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        grad_x, grad_w = ctx.saved_tensors
        return grad_x * grad, grad_w * grad, None, None


def native_loss(
    table_VD: Tensor,
    blocks: Sequence[BlockWeights],
    head_VD: Tensor,
    angles: tuple[Tensor, Tensor],
    tokens_BT: Tensor,
    targets_N: Tensor,
    shape: handwritten.Shape,
) -> Tensor:
    """Mean cross-entropy of a model of the default architecture, in nats per token.

    `angles` are RoPE's cosines and sines [T, P]. Raises TypeError unless all is fp32 on a CPU, and IndexError for an id
    outside the vocabulary: the kernels themselves look at neither.
    """
    if table_VD.dtype != torch.float32 or table_VD.device.type != "cpu":
        raise TypeError(f"native branches compute in fp32 on a CPU, not in {table_VD.dtype} on {table_VD.device}")
    V, D = table_VD.shape
    ids_N = tokens_BT.flatten().contiguous()  # flattening [B, 1] gives a view with gaps
    targets_N = targets_N.contiguous()
    for ids in (ids_N, targets_N):
        if not library().ids_are_valid(ids.data_ptr(), len(ids), V):
            raise IndexError(f"a token id lies outside the vocabulary of {V}")
    hidden = blocks[0][3].shape[1]
    sizes = Shape(shape.sequences, shape.context, D, shape.heads, hidden, V, shape.eps)
    x_BDS: Tensor = Embed.apply(table_VD, ids_N, sizes, library().padded_context(shape.context))  # type: ignore[no-untyped-call]
    for w_qkv, w_out, w_up, w_down in blocks:
        x_BDS = AttentionBranch.apply(x_BDS, w_qkv, w_out, *angles, sizes)  # type: ignore[no-untyped-call]
        x_BDS = MlpBranch.apply(x_BDS, w_up, w_down, sizes)  # type: ignore[no-untyped-call]
    if torch.is_grad_enabled():
        loss: Tensor = HeadLoss.apply(x_BDS, head_VD, targets_N, sizes)  # type: ignore[no-untyped-call]
        return loss
    return x_BDS.new_tensor(_call("head_loss", sizes, x_BDS, head_VD, targets_N, None, None))

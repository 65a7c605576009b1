"""The residual branches of `model.branches` with the kernels of `native.cpp` between torch's matrix products."""

# Same mathematics, layout and legend as model.branches; equal to it up to rounding. All tensors are fp32, contiguous
# and on a CPU. Less is kept for the backward pass: attention weights and norms of queries are computed again.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from model.branches import Shape
from model.native import library

HEAD_CHUNK = 256
"""Tokens whose logits are held at once; a multiple of COLUMNS_AT_ONCE."""
COLUMNS_AT_ONCE = 64
"""Columns that the softmax kernel takes at once: LANES · STRIP of native.cpp, or a multiple of it."""

BlockWeights = tuple[Tensor, Tensor, Tensor, Tensor]
"""A block's weights: queries, keys and values; attention's output; the MLP's gate and value; its output."""


def _normalise(x_DN: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    x_hat, inverse_N = torch.empty_like(x_DN), x_DN.new_empty(x_DN.shape[1])
    library().rms_forward(x_DN.data_ptr(), x_hat.data_ptr(), inverse_N.data_ptr(), *x_DN.shape, eps)
    return x_hat, inverse_N


def _normalise_backward(grad_DN: Tensor, x_hat: Tensor, inverse_N: Tensor, beside_DN: Tensor | None = None) -> Tensor:
    """Overwrites `grad_DN`."""
    beside = None if beside_DN is None else beside_DN.data_ptr()
    pointers = (grad_DN.data_ptr(), x_hat.data_ptr(), inverse_N.data_ptr(), beside, grad_DN.data_ptr())
    library().rms_backward(*pointers, *x_hat.shape)
    return grad_DN


class Embed(torch.autograd.Function):
    """Rows of the table as columns: [V, D] and [N] to [D, N]."""

    @staticmethod
    def forward(ctx: Any, table_VD: Tensor, ids_N: Tensor) -> Tensor:
        D, N = table_VD.shape[1], len(ids_N)
        x_DN = table_VD.new_empty(D, N)
        library().embed(table_VD.data_ptr(), ids_N.data_ptr(), x_DN.data_ptr(), D, N)
        ctx.save_for_backward(ids_N)
        ctx.rows = len(table_VD)
        return x_DN

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_DN: Tensor) -> tuple[Tensor | None, ...]:
        (ids_N,) = ctx.saved_tensors
        grad_DN = grad_DN.contiguous()
        D, N = grad_DN.shape
        grad_table = grad_DN.new_zeros(ctx.rows, D)
        library().embed_backward(grad_DN.data_ptr(), ids_N.data_ptr(), grad_table.data_ptr(), D, N)
        return grad_table, None


class AttentionBranch(torch.autograd.Function):
    """x + attention(norm(x)) with QK-norm and RoPE: [D, N] to [D, N]."""

    @staticmethod
    def forward(
        ctx: Any, x_DN: Tensor, w_qkv: Tensor, w_out: Tensor, cos_PT: Tensor, sin_PT: Tensor, shape: Shape
    ) -> Tensor:
        x_hat, x_inv = _normalise(x_DN, shape.eps)
        qkv = torch.mm(w_qkv, x_hat)
        y_DN, total = torch.empty_like(x_DN), x_DN.new_empty(shape.heads * x_DN.shape[1])
        tensors = (qkv, cos_PT, sin_PT, y_DN, total)
        library().attention_forward(*(t.data_ptr() for t in tensors), *_sizes(shape, len(x_DN)))
        ctx.save_for_backward(x_hat, x_inv, w_qkv, w_out, qkv, y_DN, total, cos_PT, sin_PT)
        ctx.shape = shape
        return torch.addmm(x_DN, w_out, y_DN)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_DN: Tensor) -> tuple[Tensor | None, ...]:
        x_hat, x_inv, w_qkv, w_out, qkv, y_DN, total, cos_PT, sin_PT = ctx.saved_tensors
        grad_DN = grad_DN.contiguous()
        grad_out = torch.mm(grad_DN, y_DN.mT)
        grad_y, grad_qkv = torch.mm(w_out.mT, grad_DN), torch.empty_like(qkv)
        tensors = (qkv, cos_PT, sin_PT, y_DN, total, grad_y, grad_qkv)
        library().attention_backward(*(t.data_ptr() for t in tensors), *_sizes(ctx.shape, len(x_hat)))
        grad_w_qkv = torch.mm(grad_qkv, x_hat.mT)
        grad_x = _normalise_backward(torch.mm(w_qkv.mT, grad_qkv), x_hat, x_inv, grad_DN)
        return grad_x, grad_w_qkv, grad_out, None, None, None


def _sizes(shape: Shape, width: int) -> tuple[int, int, int, int, float]:
    return shape.sequences, shape.context, shape.heads, width // shape.heads, shape.eps


class MlpBranch(torch.autograd.Function):
    """x + W·(silu(G·norm(x)) ⊙ U·norm(x)): [D, N] to [D, N]."""

    @staticmethod
    def forward(ctx: Any, x_DN: Tensor, w_up: Tensor, w_down: Tensor, eps: float) -> Tensor:
        x_hat, x_inv = _normalise(x_DN, eps)
        both = torch.mm(w_up, x_hat)
        hidden_FN = x_DN.new_empty(w_down.shape[1], x_DN.shape[1])
        library().swiglu_forward(both.data_ptr(), hidden_FN.data_ptr(), hidden_FN.numel())
        ctx.save_for_backward(x_hat, x_inv, w_up, w_down, both, hidden_FN)
        return torch.addmm(x_DN, w_down, hidden_FN)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_DN: Tensor) -> tuple[Tensor | None, ...]:
        x_hat, x_inv, w_up, w_down, both, hidden_FN = ctx.saved_tensors
        grad_DN = grad_DN.contiguous()
        grad_down = torch.mm(hidden_FN, grad_DN.mT).mT
        grad_hidden, grad_both = torch.mm(w_down.mT, grad_DN), torch.empty_like(both)
        library().swiglu_backward(both.data_ptr(), grad_hidden.data_ptr(), grad_both.data_ptr(), grad_hidden.numel())
        grad_up = torch.mm(grad_both, x_hat.mT)
        grad_x = _normalise_backward(torch.mm(w_up.mT, grad_both), x_hat, x_inv, grad_DN)
        return grad_x, grad_up, grad_down, None


class HeadLoss(torch.autograd.Function):
    """Mean cross-entropy of head·norm(x) in chunks of tokens; gradients are made in the forward pass."""

    @staticmethod
    def forward(ctx: Any, x_DN: Tensor, w_VD: Tensor, targets_N: Tensor, eps: float) -> Tensor:
        x_hat, x_inv = _normalise(x_DN, eps)
        grad_hat, grad_w = torch.empty_like(x_hat), torch.zeros_like(w_VD)
        total = x_DN.new_zeros(())
        for part, exp_VC, losses, scale in _softmax_chunks(x_hat, w_VD, targets_N):
            total += losses.sum()
            torch.mm(w_VD.mT, exp_VC, out=grad_hat[:, part]).mul_(scale)
            torch.addmm(grad_w, exp_VC, (x_hat[:, part] * scale).mT, out=grad_w)
        ctx.save_for_backward(_normalise_backward(grad_hat, x_hat, x_inv), grad_w)
        return total / len(targets_N)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        grad_x, grad_w = ctx.saved_tensors
        return grad_x * grad, grad_w * grad, None, None


def _softmax_chunks(x_hat: Tensor, w_VD: Tensor, targets_N: Tensor) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
    """(part, softmax's numerators less the total at the target [V, C], losses [C], 1 / (total · N) [C]) by chunk."""
    N = len(targets_N)
    buffer = x_hat.new_empty(len(w_VD), HEAD_CHUNK)
    targets, losses, scale = targets_N.new_zeros(HEAD_CHUNK), x_hat.new_empty(HEAD_CHUNK), x_hat.new_empty(HEAD_CHUNK)
    for start in range(0, N, HEAD_CHUNK):
        part = slice(start, min(start + HEAD_CHUNK, N))
        count = part.stop - start
        targets[:count] = targets_N[part]
        exp_VC = torch.mm(w_VD, x_hat[:, part], out=buffer[:, :count])
        columns = -(-count // COLUMNS_AT_ONCE) * COLUMNS_AT_ONCE
        pointers = (buffer.data_ptr(), targets.data_ptr(), losses.data_ptr(), scale.data_ptr())
        library().softmax_loss(*pointers, len(w_VD), columns, HEAD_CHUNK, N)
        yield part, exp_VC, losses[:count], scale[:count]


def native_loss(
    table_VD: Tensor,
    blocks: Sequence[BlockWeights],
    head_VD: Tensor,
    angles: tuple[Tensor, Tensor],
    tokens_BT: Tensor,
    targets_N: Tensor,
    shape: Shape,
) -> Tensor:
    """Mean cross-entropy of a model of the default architecture, in nats per token.

    `angles` are RoPE's cosines and sines [P, T]. Raises TypeError unless all is fp32 on a CPU, and IndexError for an id
    outside the vocabulary: the kernels themselves look at neither.
    """
    if table_VD.dtype != torch.float32 or table_VD.device.type != "cpu":
        raise TypeError(f"native branches compute in fp32 on a CPU, not in {table_VD.dtype} on {table_VD.device}")
    ids_N = tokens_BT.flatten().contiguous()  # flattening [B, 1] gives a view with gaps
    if max(int(ids_N.max()), int(targets_N.max())) >= len(table_VD) or min(int(ids_N.min()), int(targets_N.min())) < 0:
        raise IndexError(f"a token id lies outside the vocabulary of {len(table_VD)}")
    x_DN: Tensor = Embed.apply(table_VD, ids_N)  # type: ignore[no-untyped-call]
    for w_qkv, w_out, w_up, w_down in blocks:
        x_DN = AttentionBranch.apply(x_DN, w_qkv, w_out, *angles, shape)  # type: ignore[no-untyped-call]
        x_DN = MlpBranch.apply(x_DN, w_up, w_down, shape.eps)  # type: ignore[no-untyped-call]
    if torch.is_grad_enabled():
        loss: Tensor = HeadLoss.apply(x_DN, head_VD, targets_N, shape.eps)  # type: ignore[no-untyped-call]
        return loss
    x_hat, _ = _normalise(x_DN, shape.eps)
    total = x_DN.new_zeros(())
    for _, _, losses, _ in _softmax_chunks(x_hat, head_VD, targets_N):
        total += losses.sum()
    return total / len(targets_N)

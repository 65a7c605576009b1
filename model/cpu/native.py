"""The default architecture's loss by the kernels of `model/cpu/kernels`: one call per branch and direction."""

# The same mathematics as model.cpu.handwritten, equal to it up to rounding. All tensors are fp32, contiguous and on a
# CPU. Little is kept for the backward pass: norms and attention weights are computed again.
#
# Shapes follow the legend of model.transformer, and
#   S = floats from one channel of a sequence to the next, at least T; only the kernels touch those beyond the context
# The residual stream is x_BDS; w_qkv [3D, D], w_out [D, D], w_up [2F, D] and w_down [D, F] are as in model.cpu.weights.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from model.cpu.build import KernelShape, library
from model.cpu.weights import Weights


def native_loss(weights: Weights, tokens_BT: Tensor, targets_BT: Tensor) -> Tensor:
    """Mean cross-entropy of the targets in nats per token, a scalar in fp32.

    Raises TypeError unless the weights are fp32 on a CPU, and IndexError for an id outside the vocabulary: the kernels
    themselves check neither. Raises NativeError where the kernels cannot be built.
    """
    table_VD, head_VD = weights.embedding, weights.head
    if table_VD.dtype != torch.float32 or table_VD.device.type != "cpu":
        raise TypeError(f"native branches compute in fp32 on a CPU, not in {table_VD.dtype} on {table_VD.device}")
    (B, T), (V, D) = tokens_BT.shape, table_VD.shape
    ids_N, targets_N = (ids.flatten().contiguous() for ids in (tokens_BT, targets_BT))  # flattened [B, 1] has gaps
    for ids in (ids_N, targets_N):
        if not library().ids_are_valid(ids.data_ptr(), len(ids), V):
            raise IndexError(f"a token id lies outside the vocabulary of {V}")
    shape = KernelShape(B, T, D, weights.heads, weights.blocks[0].down.shape[1], V, weights.eps)
    cos_TP, sin_TP = weights.cos[:T].contiguous(), weights.sin[:T].contiguous()
    x_BDS: Tensor = Embed.apply(table_VD, ids_N, shape, library().padded_context(T))  # type: ignore[no-untyped-call]
    for block in weights.blocks:
        x_BDS = AttentionBranch.apply(x_BDS, block.qkv, block.out, cos_TP, sin_TP, shape)  # type: ignore[no-untyped-call]
        x_BDS = MlpBranch.apply(x_BDS, block.up, block.down, shape)  # type: ignore[no-untyped-call]
    if torch.is_grad_enabled():
        loss: Tensor = HeadLoss.apply(x_BDS, head_VD, targets_N, shape)  # type: ignore[no-untyped-call]
        return loss
    return x_BDS.new_tensor(_call("head_loss", shape, x_BDS, head_VD, targets_N, None, None))


def _call(kernel: str, shape: KernelShape, *tensors: Tensor | None) -> float:
    """Call a kernel with the addresses of its tensors; None is a null pointer."""
    result: float = getattr(library(), kernel)(shape, *(None if t is None else t.data_ptr() for t in tensors))
    return result


class Embed(torch.autograd.Function):
    """The embedding, rows of the table as columns: [V, D] and ids [N] to [B, D, S]."""

    @staticmethod
    def forward(ctx: Any, table_VD: Tensor, ids_N: Tensor, shape: KernelShape, stride: int) -> Tensor:
        """The branch's result; keeps what `backward` needs."""
        x_BDS = table_VD.new_empty(shape.sequences, shape.width, stride)
        _call("embed", shape, table_VD, ids_N, x_BDS)
        ctx.save_for_backward(ids_N)
        ctx.shape = shape
        return x_BDS

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BDS: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients with respect to the tensors of `forward`, in its order; None for the others."""
        (ids_N,) = ctx.saved_tensors
        grad_table = grad_BDS.new_empty(ctx.shape.vocab, ctx.shape.width)
        _call("embed_backward", ctx.shape, grad_BDS.contiguous(), ids_N, grad_table)
        return grad_table, None, None, None


class AttentionBranch(torch.autograd.Function):
    """x + attention(norm(x)) with QK-norm and RoPE: [B, D, S] to [B, D, S]."""

    @staticmethod
    def forward(
        ctx: Any, x_BDS: Tensor, w_qkv: Tensor, w_out: Tensor, cos_TP: Tensor, sin_TP: Tensor, shape: KernelShape
    ) -> Tensor:
        """The branch's result; keeps what `backward` needs."""
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
        """Gradients with respect to the tensors of `forward`, in its order; None for the others."""
        kept = ctx.saved_tensors
        gradients = [torch.empty_like(part) for part in kept[:3]]
        _call("attention_branch_backward", ctx.shape, *kept, grad_BDS.contiguous(), *gradients)
        return *gradients, None, None, None


class MlpBranch(torch.autograd.Function):
    """x + W·(silu(G·norm(x)) ⊙ U·norm(x)): [B, D, S] to [B, D, S]."""

    @staticmethod
    def forward(ctx: Any, x_BDS: Tensor, w_up: Tensor, w_down: Tensor, shape: KernelShape) -> Tensor:
        """The branch's result; keeps what `backward` needs."""
        both = x_BDS.new_empty(len(x_BDS), 2 * shape.hidden, x_BDS.shape[2])
        out_BDS = torch.empty_like(x_BDS)
        _call("mlp_branch", shape, x_BDS, w_up, w_down, both, out_BDS)
        ctx.save_for_backward(x_BDS, w_up, w_down, both)
        ctx.shape = shape
        return out_BDS

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BDS: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients with respect to the tensors of `forward`, in its order; None for the others."""
        kept = ctx.saved_tensors
        gradients = [torch.empty_like(part) for part in kept[:3]]
        _call("mlp_branch_backward", ctx.shape, *kept, grad_BDS.contiguous(), *gradients)
        return *gradients, None


class HeadLoss(torch.autograd.Function):
    """Mean cross-entropy of head·norm(x), [B, D, S] to a scalar; gradients are made in the forward pass."""

    @staticmethod
    def forward(ctx: Any, x_BDS: Tensor, w_VD: Tensor, targets_N: Tensor, shape: KernelShape) -> Tensor:
        """The branch's result; keeps what `backward` needs."""
        grad_x, grad_w = torch.empty_like(x_BDS), torch.empty_like(w_VD)
        loss = _call("head_loss", shape, x_BDS, w_VD, targets_N, grad_x, grad_w)
        ctx.save_for_backward(grad_x, grad_w)
        return x_BDS.new_tensor(loss)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients with respect to the tensors of `forward`, in its order; None for the others."""
        grad_x, grad_w = ctx.saved_tensors
        return grad_x * grad, grad_w * grad, None, None

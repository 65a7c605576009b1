"""The output head and its cross-entropy in chunks of tokens, so that the logits never fill the memory."""

# Shapes follow the legend of model.transformer; C = tokens of a chunk, 1 = an axis of size 1 that is kept. Every tensor
# may have a leading axis of runs, which a stack has, and the losses have it then.

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

ChunkLoss = tuple[Tensor, Tensor | None, Tensor | None]
"""Sum of a chunk's weighted losses, and the gradients with respect to its logits without bias, and to the bias."""


def chunk_loss(
    logits_CV: Tensor, bias_V: Tensor | None, target_C1: Tensor, weight_C1: Tensor | float, cap: float, needed: bool
) -> ChunkLoss:
    """Loss and, where `needed`, gradients; computed in at least fp32, the logits' gradient is in the logits' type."""
    wide_CV = logits_CV.to(torch.promote_types(logits_CV.dtype, torch.float32))
    if bias_V is not None:
        wide_CV = wide_CV + bias_V[..., None, :]
    if cap:
        wide_CV = torch.tanh(wide_CV / cap) * cap
    norm_C1 = torch.logsumexp(wide_CV, -1, keepdim=True)
    loss = ((norm_C1 - wide_CV.gather(-1, target_C1)) * weight_C1).sum((-2, -1))
    if not needed:
        return loss, None, None
    grad_CV = (wide_CV - norm_C1).exp_()
    grad_CV.scatter_add_(-1, target_C1, torch.full_like(norm_C1, -1.0))
    grad_CV *= weight_C1
    if cap:
        grad_CV *= 1 - (wide_CV / cap) ** 2
    return loss, grad_CV.to(logits_CV.dtype), None if bias_V is None else grad_CV.sum(-2)


@cache
def _compiled() -> Callable[..., ChunkLoss]:
    """`chunk_loss` as few kernels, which read the logits twice instead of a dozen times."""
    compiled: Callable[..., ChunkLoss] = torch.compile(chunk_loss, dynamic=False)
    return compiled


class LinearCrossEntropy(torch.autograd.Function):
    """Sum of -log softmax(cap(x·Wᵀ + b))[target] times weights; the forward pass computes the gradients, by chunks.

    Logits are computed in the inputs' type, losses and softmax in at least fp32, and the weight's gradient is summed
    in fp32: the method of Liger and of Cut Cross-Entropy (Wijmans et al. 2024), without their kernels.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x_ND: Tensor,
        w_VD: Tensor,
        bias_V: Tensor | None,
        targets_N: Tensor,
        weights_N: Tensor | None,
        cap: float,
        chunk: int,
        compiled: bool,
    ) -> Tensor:
        """The loss; keeps the gradients with respect to x, W and b. Without weights each token has the same."""
        needed = any(ctx.needs_input_grad[:3])
        wide = torch.promote_types(x_ND.dtype, torch.float32)
        total = torch.zeros(x_ND.shape[:-2], dtype=wide, device=x_ND.device)
        grad_x, grad_w = torch.empty_like(x_ND), torch.zeros_like(w_VD, dtype=wide)
        grad_b = None if bias_V is None else torch.zeros_like(bias_V, dtype=wide)
        loss = _compiled() if compiled else chunk_loss
        for start in range(0, x_ND.shape[-2], chunk):
            tokens = slice(start, start + chunk)
            x_CD = x_ND[..., tokens, :]
            weight_C1 = 1 / x_ND.shape[-2] if weights_N is None else weights_N[..., tokens, None]
            logits_CV = torch.matmul(x_CD, w_VD.mT)
            part, grad_CV, part_b = loss(logits_CV, bias_V, targets_N[..., tokens, None], weight_C1, cap, needed)
            total += part
            if grad_CV is None:
                continue
            if grad_b is not None and part_b is not None:
                grad_b += part_b
            grad_x[..., tokens, :] = torch.matmul(grad_CV, w_VD)
            grad_w += torch.matmul(grad_CV.mT, x_CD)
        ctx.save_for_backward(grad_x, grad_w.to(w_VD.dtype), grad_b)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The kept gradients times the upstream one; None for the arguments that are not tensors of weights."""
        grad_x, grad_w, grad_b = ctx.saved_tensors
        matrices = (part * grad[..., None, None].to(part.dtype) for part in (grad_x, grad_w))
        return *matrices, None if grad_b is None else grad_b * grad[..., None], *[None] * 5


def linear_cross_entropy(
    x_ND: Tensor,
    w_VD: Tensor,
    bias_V: Tensor | None,
    targets_N: Tensor,
    *,
    weights_N: Tensor | None = None,
    cap: float = 0.0,
    chunk: int,
    compiled: bool = False,
) -> Tensor:
    """Mean cross-entropy of the targets under softmax(cap(x·Wᵀ + b)), nats per token, a scalar in at least fp32.

    With `weights_N` it is the sum of the tokens' losses, each times its weight. The logits of `chunk` tokens are held
    at once; cap(l) is cap·tanh(l/cap), and a cap of 0 means no cap. Under autocast the product is computed in
    autocast's type.
    """
    kind = x_ND.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        x_ND, w_VD = x_ND.to(dtype), w_VD.to(dtype)
    with torch.autocast(kind, enabled=False):
        arguments = (x_ND, w_VD, bias_V, targets_N, weights_N, cap, chunk, compiled)
        loss: Tensor = LinearCrossEntropy.apply(*arguments)  # type: ignore[no-untyped-call]
    return loss

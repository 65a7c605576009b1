"""The output head and its cross-entropy in chunks of tokens, so that the logits never fill the memory."""

# Shapes follow the legend of model.transformer; C = tokens of a chunk, 1 = an axis of size 1 that is kept.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class LinearCrossEntropy(torch.autograd.Function):
    """Mean of -log softmax(cap(x·Wᵀ + b))[target]; gradients are computed in the forward pass, chunk by chunk.

    Logits are computed in the inputs' type, losses and softmax in at least fp32, and the weight's gradient is summed
    in fp32: the method of Liger and of Cut Cross-Entropy (Wijmans et al. 2024), without their kernels.
    """

    @staticmethod
    def forward(
        ctx: Any, x_ND: Tensor, w_VD: Tensor, bias_V: Tensor | None, targets_N: Tensor, cap: float, chunk: int
    ) -> Tensor:
        """The mean loss, a scalar; keeps the gradients with respect to x, W and b."""
        needed = any(ctx.needs_input_grad[:3])
        wide = torch.promote_types(x_ND.dtype, torch.float32)
        total = torch.zeros((), dtype=wide, device=x_ND.device)
        grad_x = torch.empty_like(x_ND) if needed else None
        grad_w = torch.zeros_like(w_VD, dtype=wide) if needed else None
        grad_b = None if bias_V is None else torch.zeros_like(bias_V, dtype=wide)
        for start in range(0, len(x_ND), chunk):
            x_CD, target_C1 = x_ND[start : start + chunk], targets_N[start : start + chunk, None]
            logits_CV = torch.mm(x_CD, w_VD.mT).to(wide)
            if bias_V is not None:
                logits_CV += bias_V
            if cap:
                logits_CV = torch.tanh(logits_CV / cap) * cap
            norm_C1 = torch.logsumexp(logits_CV, 1, keepdim=True)
            total += (norm_C1 - logits_CV.gather(1, target_C1)).sum()
            if grad_x is None or grad_w is None:
                continue
            slope_CV = (1 - (logits_CV / cap) ** 2) if cap else None
            grad_CV = logits_CV.sub_(norm_C1).exp_()
            grad_CV.scatter_add_(1, target_C1, torch.full_like(norm_C1, -1.0))
            grad_CV /= len(x_ND)
            if slope_CV is not None:
                grad_CV *= slope_CV
            if grad_b is not None:
                grad_b += grad_CV.sum(0)
            narrow_CV = grad_CV.to(x_ND.dtype)
            torch.mm(narrow_CV, w_VD, out=grad_x[start : start + chunk])
            grad_w += torch.mm(narrow_CV.mT, x_CD)
        ctx.save_for_backward(grad_x, None if grad_w is None else grad_w.to(w_VD.dtype), grad_b)
        return total / len(x_ND)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The kept gradients times the upstream one; None for the arguments that are not tensors of weights."""
        grad_x, grad_w, grad_b = (None if part is None else part * grad.to(part.dtype) for part in ctx.saved_tensors)
        return grad_x, grad_w, grad_b, None, None, None


def linear_cross_entropy(
    x_ND: Tensor, w_VD: Tensor, bias_V: Tensor | None, targets_N: Tensor, *, cap: float = 0.0, chunk: int
) -> Tensor:
    """Mean cross-entropy of the targets under softmax(cap(x·Wᵀ + b)), nats per token, a scalar in at least fp32.

    The logits of `chunk` tokens are held at once; cap(l) is cap·tanh(l/cap), and a cap of 0 means no cap. Under
    autocast the product is computed in autocast's type.
    """
    kind = x_ND.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        x_ND, w_VD = x_ND.to(dtype), w_VD.to(dtype)
    with torch.autocast(kind, enabled=False):
        loss: Tensor = LinearCrossEntropy.apply(x_ND, w_VD, bias_V, targets_N, cap, chunk)  # type: ignore[no-untyped-call]
    return loss

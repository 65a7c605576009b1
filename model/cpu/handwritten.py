"""The default architecture's residual branches with hand-written backward passes, for small models on a CPU."""

# At widths of 16 to 64 the number of kernels and their inner loops limit a step, not arithmetic. So activations are
# feature-major (x_DN: channels are rows): the parts of a fused product are contiguous, and norms reduce over rows,
# which keeps the inner loop long. Softmax needs no maximum, because QK-norm bounds every score by √K.
#
# Shapes follow the legend of model.transformer, and
#   S = positions that are attended to   C = tokens of a chunk
#   _hat = normalised                    _inv = reciprocal root mean square
# w_qkv [3D, D], w_out [D, D], w_up [2F, D] and w_down [D, F] are as in model.cpu.weights.

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.autograd.function import once_differentiable

from model.cpu.weights import Weights

SCORES_AT_ONCE = 2**18
"""Attention scores that are held at once: 2^18 · 4 bytes stay inside a core's second-level cache."""
HEAD_CHUNK = 256
"""Tokens whose logits are held at once: 256 · 1024 · 4 bytes stay inside a core's second-level cache."""


@dataclass(frozen=True, slots=True)
class BatchShape:
    """The sizes that attention cannot read off its tensors."""

    sequences: int
    """Sequences of the batch, B."""
    context: int
    """Positions of a sequence, T."""
    heads: int
    """Attention heads, H."""
    eps: float
    """Added to the mean square inside RMSNorm."""


def handwritten_loss(weights: Weights, tokens_BT: Tensor, targets_BT: Tensor) -> Tensor:
    """Mean cross-entropy of the targets in nats per token, a scalar in the weights' type."""
    B, T = tokens_BT.shape
    shape = BatchShape(B, T, weights.heads, weights.eps)
    cos_PT, sin_PT = weights.cos[:T].mT, weights.sin[:T].mT
    x_DN = F.embedding(tokens_BT.flatten(), weights.embedding).mT.contiguous()
    for block in weights.blocks:
        x_DN = attention_branch(x_DN, block.qkv, block.out, cos_PT, sin_PT, shape)
        x_DN = mlp_branch(x_DN, block.up, block.down, weights.eps)
    return head_loss(x_DN, weights.head, targets_BT.flatten(), weights.eps)


def normalise(x: Tensor, dim: int, eps: float) -> tuple[Tensor, Tensor]:
    """RMSNorm without weights over `dim`: x normalised, and the reciprocal root mean square with `dim` of size 1."""
    inverse = _inverse_rms(x, dim, eps)
    return x * inverse, inverse


def _inverse_rms(x: Tensor, dim: int, eps: float) -> Tensor:
    """1 / sqrt(mean(x²) + eps) over `dim`, which keeps size 1."""
    return (x * x).sum(dim, keepdim=True).mul_(1 / x.shape[dim]).add_(eps).rsqrt_()


def normalise_backward(
    grad: Tensor, x_hat: Tensor, inverse: Tensor, dim: int, residual: Tensor | None = None
) -> Tensor:
    """Gradient of `normalise` with respect to x, (g - x̂ · mean(g · x̂)) · inverse, plus `residual`.

    The latter is the gradient that reaches x around the branch. Without it `grad` is overwritten.
    """
    inner = (grad * x_hat).sum(dim, keepdim=True).mul_(inverse).mul_(-1 / x_hat.shape[dim])
    scaled = grad.mul_(inverse) if residual is None else torch.addcmul(residual, grad, inverse)
    return scaled.addcmul_(x_hat, inner)


def rotate(source: Tensor, target: Tensor, cos_PT: Tensor, sin_PT: Tensor, sign: float = 1.0) -> None:
    """Write `source` rotated by RoPE (back if `sign` is -1) to `target`; both [..., P, 2, T], with any strides."""
    even, odd = source.unbind(-2)
    even_out, odd_out = target.unbind(-2)
    torch.mul(even, cos_PT, out=even_out).addcmul_(odd, sin_PT, value=-sign)
    torch.mul(odd, cos_PT, out=odd_out).addcmul_(even, sin_PT, value=sign)


class AttentionBranch(torch.autograd.Function):
    """x + attention(norm(x)) with QK-norm and RoPE, feature-major: [D, N] to [D, N]."""

    @staticmethod
    def forward(
        ctx: Any, x_DN: Tensor, w_qkv: Tensor, w_out: Tensor, cos_PT: Tensor, sin_PT: Tensor, shape: BatchShape
    ) -> Tensor:
        """The branch's result; keeps what `backward` needs."""
        B, T, H, eps = shape.sequences, shape.context, shape.heads, shape.eps
        D = x_DN.shape[0]
        K = D // H
        x_hat, x_inv = normalise(x_DN, 0, eps)
        qkv = torch.mm(w_qkv, x_hat).view(3, H, K, B, T).permute(0, 3, 1, 2, 4)
        qk_hat = torch.empty(2, B, H, K, T, dtype=x_DN.dtype)
        rotate(_pairs(qkv[:2]), _pairs(qk_hat), cos_PT, sin_PT)
        qk_inv = _inverse_rms(qk_hat, 3, eps)  # a rotation keeps the norm, so it may come first
        qk_hat.mul_(qk_inv)
        q_KT, k_KS = qk_hat.view(2, B * H, K, T).unbind()
        v_KS = qkv[2].reshape(B * H, K, T)
        y_KT = torch.empty_like(v_KS)
        weights_ST, total_T = x_DN.new_empty(B * H, T, T), x_DN.new_empty(B * H, 1, T)
        scaled_k = k_KS * K**-0.5
        for part in _parts(B * H, T):
            weights = torch.bmm(scaled_k[part].mT, q_KT[part], out=weights_ST[part]).exp_().triu_()
            torch.sum(weights, 1, keepdim=True, out=total_T[part])
            torch.bmm(v_KS[part], weights, out=y_KT[part])
        y_KT.mul_(total_T.reciprocal_())
        y_DN = y_KT.view(B, H, K, T).permute(1, 2, 0, 3).reshape(D, B * T)
        ctx.save_for_backward(
            x_hat, x_inv, w_qkv, w_out, qk_hat, qk_inv, v_KS, weights_ST, total_T, y_KT, y_DN, cos_PT, sin_PT
        )
        ctx.shape = shape
        return torch.addmm(x_DN, w_out, y_DN)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_DN: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients with respect to the tensors of `forward`, in its order; None for the others."""
        (x_hat, x_inv, w_qkv, w_out, qk_hat, qk_inv, v_KS, weights_ST, total_T, y_KT, y_DN, cos_PT, sin_PT) = (
            ctx.saved_tensors
        )
        B, T, H = ctx.shape.sequences, ctx.shape.context, ctx.shape.heads
        D = grad_DN.shape[0]
        K = D // H
        q_KT, k_KS = qk_hat.view(2, B * H, K, T).unbind()
        grad_out = torch.mm(grad_DN, y_DN.mT)
        grad_y = torch.mm(w_out.mT, grad_DN).view(H, K, B, T).permute(2, 0, 1, 3).reshape(B * H, K, T)
        grad_y.mul_(total_T)
        # The softmax's backward pass: dS = P ⊙ (dP - Σ dP ⊙ P), with Σ dP ⊙ P = Σ dy ⊙ y (Dao et al. 2022).
        inner_T = (grad_y * y_KT).sum(1, keepdim=True)
        grads = torch.empty(3, B * H, K, T, dtype=grad_DN.dtype)
        for part in _parts(B * H, T):
            weights = weights_ST[part]
            grad_ST = torch.baddbmm(inner_T[part], v_KS[part].mT, grad_y[part], beta=-1).mul_(weights)
            torch.bmm(k_KS[part], grad_ST, out=grads[0, part])
            torch.bmm(q_KT[part], grad_ST.mT, out=grads[1, part])
            torch.bmm(grad_y[part], weights.mT, out=grads[2, part])
        by_head = grads.view(3, B, H, K, T)
        grad_qkv = torch.empty(3, H, K, B, T, dtype=grad_DN.dtype)
        target = grad_qkv.permute(0, 3, 1, 2, 4)
        target[2].copy_(by_head[2])
        grad_qk = normalise_backward(by_head[:2], qk_hat, qk_inv * K**-0.5, 3)
        rotate(_pairs(grad_qk), _pairs(target[:2]), cos_PT, sin_PT, sign=-1.0)
        grad_qkv = grad_qkv.view(3 * D, B * T)
        grad_w_qkv = torch.mm(grad_qkv, x_hat.mT)
        grad_x = normalise_backward(torch.mm(w_qkv.mT, grad_qkv), x_hat, x_inv, 0, residual=grad_DN)
        return grad_x, grad_w_qkv, grad_out, None, None, None


def _pairs(x: Tensor) -> Tensor:
    """View [..., K, T] as [..., P, 2, T]."""
    return x.view(*x.shape[:-2], -1, 2, x.shape[-1])


def _parts(matrices: int, context: int) -> list[slice]:
    """Slices of a batch of T × T score matrices, each with at most SCORES_AT_ONCE scores (but at least one matrix)."""
    size = max(1, SCORES_AT_ONCE // context**2)
    return [slice(start, start + size) for start in range(0, matrices, size)]


class MlpBranch(torch.autograd.Function):
    """x + W·(silu(G·norm(x)) ⊙ U·norm(x)), feature-major: [D, N] to [D, N]."""

    @staticmethod
    def forward(ctx: Any, x_DN: Tensor, w_up: Tensor, w_down: Tensor, eps: float) -> Tensor:
        """The branch's result; keeps what `backward` needs."""
        x_hat, x_inv = normalise(x_DN, 0, eps)
        gate_FN, value_FN = torch.mm(w_up, x_hat).chunk(2)
        sigmoid = torch.sigmoid(gate_FN)
        silu = gate_FN.mul_(sigmoid)
        hidden_FN = silu * value_FN
        ctx.save_for_backward(x_hat, x_inv, w_up, w_down, value_FN, sigmoid, silu, hidden_FN)
        return torch.addmm(x_DN, w_down, hidden_FN)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_DN: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients with respect to the tensors of `forward`, in its order; None for the others."""
        x_hat, x_inv, w_up, w_down, value_FN, sigmoid, silu, hidden_FN = ctx.saved_tensors
        grad_down = torch.mm(hidden_FN, grad_DN.mT).mT
        grad_hidden = torch.mm(w_down.mT, grad_DN)
        grad_both = torch.empty(w_up.shape[0], grad_DN.shape[1], dtype=grad_DN.dtype)
        grad_gate, grad_value = grad_both.chunk(2)
        torch.mul(grad_hidden, silu, out=grad_value)
        # value · d silu(g)/dg = value · (σ + silu · (1 - σ)) = hidden + σ · (value - hidden)
        torch.lerp(hidden_FN, value_FN, sigmoid, out=grad_gate)
        grad_gate.mul_(grad_hidden)
        grad_up = torch.mm(grad_both, x_hat.mT)
        grad_x = normalise_backward(torch.mm(w_up.mT, grad_both), x_hat, x_inv, 0, residual=grad_DN)
        return grad_x, grad_up, grad_down, None


class HeadLoss(torch.autograd.Function):
    """Mean cross-entropy of head·norm(x) in chunks of tokens; gradients are made in the forward pass."""

    @staticmethod
    def forward(ctx: Any, x_DN: Tensor, w_VD: Tensor, targets_N: Tensor, eps: float) -> Tensor:
        """The branch's result; keeps what `backward` needs."""
        N = x_DN.shape[1]
        x_hat, x_inv = normalise(x_DN, 0, eps)
        grad_hat, grad_w = torch.empty_like(x_hat), torch.zeros_like(w_VD)
        losses = x_DN.new_empty(1, N)
        for part in _columns(N):
            target = targets_N[None, part]
            exp_VC, total = _shifted_exponentials(x_hat[:, part], w_VD, target, losses[:, part])
            exp_VC.scatter_add_(0, target, -total)
            scale = (total * N).reciprocal_()
            grad_hat[:, part] = torch.mm(w_VD.mT, exp_VC).mul_(scale)
            torch.addmm(grad_w, exp_VC, (x_hat[:, part] * scale).mT, out=grad_w)
        ctx.save_for_backward(normalise_backward(grad_hat, x_hat, x_inv, 0), grad_w)
        return losses.mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients with respect to the tensors of `forward`, in its order; None for the others."""
        grad_x, grad_w = ctx.saved_tensors
        return grad_x * grad, grad_w * grad, None, None


def _columns(tokens: int) -> list[slice]:
    """Slices of at most HEAD_CHUNK tokens."""
    return [slice(start, min(start + HEAD_CHUNK, tokens)) for start in range(0, tokens, HEAD_CHUNK)]


def _shifted_exponentials(x_DC: Tensor, w_VD: Tensor, target_1C: Tensor, losses_1C: Tensor) -> tuple[Tensor, Tensor]:
    """exp(logits - their maximum) [V, C] and its column sums [1, C]; writes the cross-entropies to `losses_1C`."""
    logits = torch.mm(w_VD, x_DC)
    logits.sub_(logits.amax(0, keepdim=True))
    hit = logits.gather(0, target_1C)
    total = logits.exp_().sum(0, keepdim=True)
    torch.sub(total.log(), hit, out=losses_1C)
    return logits, total


def attention_branch(
    x_DN: Tensor, w_qkv: Tensor, w_out: Tensor, cos_PT: Tensor, sin_PT: Tensor, shape: BatchShape
) -> Tensor:
    """x + attention(norm(x)) with QK-norm and RoPE, causal: [D, N] to [D, N]; cosines and sines are [P, T]."""
    result: Tensor = AttentionBranch.apply(x_DN, w_qkv, w_out, cos_PT, sin_PT, shape)  # type: ignore[no-untyped-call]
    return result


def mlp_branch(x_DN: Tensor, w_up: Tensor, w_down: Tensor, eps: float) -> Tensor:
    """x + mlp(norm(x)) with SwiGLU: [D, N] to [D, N]."""
    result: Tensor = MlpBranch.apply(x_DN, w_up, w_down, eps)  # type: ignore[no-untyped-call]
    return result


def head_loss(x_DN: Tensor, w_VD: Tensor, targets_N: Tensor, eps: float) -> Tensor:
    """Mean cross-entropy of head·norm(x) in nats per token, [D, N] to a scalar; it costs a third without gradients."""
    if torch.is_grad_enabled():
        result: Tensor = HeadLoss.apply(x_DN, w_VD, targets_N, eps)  # type: ignore[no-untyped-call]
        return result
    x_hat, _ = normalise(x_DN, 0, eps)
    losses = x_DN.new_empty(1, x_DN.shape[1])
    for part in _columns(x_DN.shape[1]):
        _shifted_exponentials(x_hat[:, part], w_VD, targets_N[None, part], losses[:, part])
    return losses.mean()

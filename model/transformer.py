"""The whole model: a decoder-only Transformer, with parts that ModelConfig switches on and off."""

# Shape suffix legend
#   B = sequences of a batch      T = positions of a sequence   N = B·T, tokens of a batch
#   D = d_model, the residual     V = vocabulary                F = d_ff, hidden width of the MLP
#   H = heads                     K = channels of one head      P = K/2, channel pairs that RoPE rotates
# x_BTD is a tensor x of shape [B, T, D].

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from model.config import ModelConfig
from model.cpu.architecture import OWN_BACKWARD
from model.cpu.handwritten import handwritten_loss
from model.cpu.native import native_loss
from model.cpu.weights import BlockWeights, Weights
from model.head import linear_cross_entropy
from model.implementation import Implementation, check_implementation
from model.memory import head_chunk

EMBEDDING_STD = 1.0
"""Standard deviation of the initial embedding, for a residual stream of unit size, as in nanochat; 0.02 cost 0.38 nat
at 2e11 FLOPs."""


def logit_scale(config: ModelConfig) -> float:
    """Factor of the logits before bias and cap: 1, or with a tied head what makes the first loss that of a guess, ln V.

    The tied head's rows have a length of √d, so that the logit of the token that is read would begin near d times the
    factor. With s instead of d that logit adds ln(1 + (e^s - 1)/V) to the first loss, which is 0.13 for
    s = ln(1 + V/e²), and the spread of all others adds s²/2d, which is 1/8 for s = √d/2. The smaller s is taken.
    """
    if not config.tied_head:
        return 1.0
    return min(math.log1p(config.vocab / math.e**2), math.sqrt(config.d_model) / 2) / config.d_model


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + eps), with an optional weight per channel (Zhang & Sennrich 2019, equation 4)."""

    def __init__(self, width: int, eps: float, weighted: bool) -> None:
        """Normalise vectors of `width` channels; weights begin at 1."""
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width)) if weighted else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis; statistics in at least fp32. Keeps the shape."""
        return F.rms_norm(x, (x.shape[-1],), self.weight, self.eps)


class Positions(nn.Module):
    """Rotary position embedding: pair p at position t turns by t · base^(-2p/K) (Su et al. 2021, section 3.2.2)."""

    cos: Tensor
    """Cosines of the angles, [context, P]."""
    sin: Tensor
    """Sines of the angles, [context, P]."""

    def __init__(self, context: int, head_size: int, base: float) -> None:
        """Compute the angles of `context` positions in fp64, kept in fp32."""
        super().__init__()
        frequencies_P = base ** (-torch.arange(0, head_size, 2, dtype=torch.float64) / head_size)
        angles_TP = torch.outer(torch.arange(context, dtype=torch.float64), frequencies_P)
        self.register_buffer("cos", angles_TP.cos().float(), persistent=False)
        self.register_buffer("sin", angles_TP.sin().float(), persistent=False)

    def forward(self, x_BTHK: Tensor, start: int = 0) -> Tensor:
        """Rotate neighbouring channel pairs (2p, 2p+1) of each head; the first position is `start`. Keeps the shape."""
        end = start + x_BTHK.shape[1]
        cos, sin = self.cos[start:end, None], self.sin[start:end, None]
        even, odd = x_BTHK.view(*x_BTHK.shape[:-1], -1, 2).unbind(-1)
        return torch.stack((even * cos - odd * sin, odd * cos + even * sin), dim=-1).flatten(-2).type_as(x_BTHK)


def explicit_attention(q_BHTK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor) -> Tensor:
    """Causal softmax(q·kᵀ/√K)·v with the scores materialised (Vaswani et al. 2017, equation 1). Keeps the shape."""
    B, H, T, K = q_BHTK.shape
    later_TT = torch.ones(T, T, dtype=torch.bool, device=q_BHTK.device).triu(1)
    mask_TT = torch.zeros(T, T, dtype=q_BHTK.dtype, device=q_BHTK.device).masked_fill(later_TT, -math.inf)
    q, k, v = (x.reshape(B * H, T, K) for x in (q_BHTK, k_BHTK, v_BHTK))
    scores = torch.baddbmm(mask_TT, q, k.transpose(1, 2), alpha=1 / math.sqrt(K))
    return torch.bmm(scores.softmax(-1), v).view(B, H, T, K)


class Attention(nn.Module):
    """Multi-head causal self-attention with optional QK-norm and RoPE."""

    def __init__(self, config: ModelConfig, implementation: Implementation) -> None:
        """Build the layer; `Transformer.initialise` draws its weights."""
        super().__init__()
        d, size = config.d_model, config.head_size
        self.n_heads = config.n_heads
        self.fused = implementation.attention == "fused"
        self.qkv = nn.Linear(d, 3 * d, bias=config.biases)
        self.out = nn.Linear(d, d, bias=config.biases)
        self.q_norm = RMSNorm(size, config.norm_eps, config.norm_weights) if config.qk_norm else nn.Identity()
        self.k_norm = RMSNorm(size, config.norm_eps, config.norm_weights) if config.qk_norm else nn.Identity()

    def forward(self, x_BTD: Tensor, rotate: nn.Module) -> Tensor:
        """Mix in earlier positions: [B, T, D] to [B, T, D]; `rotate` maps [B, T, H, K] to itself."""
        q_BTHK, k_BTHK, v_BTHK = self.qkv(x_BTD).view(*x_BTD.shape[:2], 3, self.n_heads, -1).unbind(2)
        q_BHTK = rotate(self.q_norm(q_BTHK)).transpose(1, 2)
        k_BHTK = rotate(self.k_norm(k_BTHK)).transpose(1, 2)
        v_BHTK = v_BTHK.transpose(1, 2)
        if self.fused:
            y_BHTK = F.scaled_dot_product_attention(q_BHTK, k_BHTK, v_BHTK, is_causal=True)
        else:
            y_BHTK = explicit_attention(q_BHTK, k_BHTK, v_BHTK)
        output: Tensor = self.out(y_BHTK.transpose(1, 2).flatten(2))
        return output


class MLP(nn.Module):
    """SwiGLU, (silu(x·G) ⊙ x·U)·W (Shazeer 2020, equation 6), or gelu(x·U)·W."""

    def __init__(self, config: ModelConfig) -> None:
        """Build the layer; `Transformer.initialise` draws its weights."""
        super().__init__()
        self.gated = config.mlp == "swiglu"
        self.up = nn.Linear(config.d_model, (2 if self.gated else 1) * config.d_ff, bias=config.biases)
        self.down = nn.Linear(config.d_ff, config.d_model, bias=config.biases)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """[B, T, D] to [B, T, D]; the gate and the value come from one product."""
        hidden = self.up(x_BTD)
        if self.gated:
            gate_BTF, value_BTF = hidden.chunk(2, dim=-1)
            hidden_BTF = F.silu(gate_BTF) * value_BTF
        else:
            hidden_BTF = F.gelu(hidden)
        output: Tensor = self.down(hidden_BTF)
        return output


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)) (pre-norm, Xiong et al. 2020)."""

    def __init__(self, config: ModelConfig, implementation: Implementation) -> None:
        """Build the block; `Transformer.initialise` draws its weights."""
        super().__init__()
        self.attention_norm = RMSNorm(config.d_model, config.norm_eps, config.norm_weights)
        self.attention = Attention(config, implementation)
        self.mlp_norm = RMSNorm(config.d_model, config.norm_eps, config.norm_weights)
        self.mlp = MLP(config)

    def forward(self, x_BTD: Tensor, rotate: nn.Module) -> Tensor:
        """One residual block: [B, T, D] to [B, T, D]."""
        x_BTD = x_BTD + self.attention(self.attention_norm(x_BTD), rotate)
        output: Tensor = x_BTD + self.mlp(self.mlp_norm(x_BTD))
        return output


class Transformer(nn.Module):
    """Decoder-only Transformer. Its weights depend on `config` and `seed` alone, not on the global random state.

    Raises ConfigError where `implementation` cannot compute it.
    """

    def __init__(self, config: ModelConfig, seed: int = 0, implementation: Implementation | None = None) -> None:
        """Build the model on the CPU and draw its weights from `seed`."""
        super().__init__()
        self.config = config
        self.logit_scale = logit_scale(config)
        """Factor of the logits before bias and cap."""
        self.implementation = implementation or Implementation()
        check_implementation(self.implementation, config, "fp32", "cpu")
        self.embedding = nn.Embedding(config.vocab, config.d_model)
        self.rotate: nn.Module = nn.Identity()
        if config.rope_base > 0:
            self.rotate = Positions(config.context, config.head_size, config.rope_base)
        self.blocks = nn.ModuleList(Block(config, self.implementation) for _ in range(config.n_layers))
        self.final_norm = RMSNorm(config.d_model, config.norm_eps, config.norm_weights)
        self.head = nn.Linear(config.d_model, config.vocab, bias=config.biases)
        if config.tied_head:
            self.head.weight = self.embedding.weight
        self.initialise(seed)

    def hidden(self, tokens_BT: Tensor) -> Tensor:
        """Residual stream after the last block, [B, T, D]."""
        x_BTD: Tensor = self.embedding(tokens_BT)
        for block in self.blocks:
            x_BTD = block(x_BTD, self.rotate)
        return x_BTD

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Logits of the next token at each position, [B, T, V]."""
        return self.logits(self.hidden(tokens_BT))

    def logits(self, x_BTD: Tensor) -> Tensor:
        """Logits [B, T, V] of the residual stream after the last block."""
        return self.capped(self.head(self.head_input(x_BTD)))

    def capped(self, logits: Tensor) -> Tensor:
        """Logits under the model's cap, if it has one. Keeps the shape."""
        cap = self.config.logit_cap
        return cap * torch.tanh(logits / cap) if cap else logits

    def loss(self, tokens_BT: Tensor, targets_BT: Tensor) -> Tensor:
        """Mean cross-entropy of the targets in nats per token, a scalar in at least fp32.

        Every implementation gives the same up to rounding.
        """
        if self.implementation.branches in OWN_BACKWARD:
            loss = native_loss if self.implementation.branches == "native" else handwritten_loss
            return loss(self._weights(), tokens_BT, targets_BT)
        if self.implementation.head == "chunked":
            x_ND = self.head_input(self.hidden(tokens_BT)).flatten(0, 1)
            cap, chunk = self.config.logit_cap, head_chunk(self.config.vocab)
            return linear_cross_entropy(
                x_ND,
                self.head.weight,
                self.head.bias,
                targets_BT.flatten(),
                cap=cap,
                chunk=chunk,
                compiled=self.implementation.compiled,
            )
        logits_NV = self(tokens_BT).flatten(0, 1)
        if logits_NV.dtype == torch.bfloat16:
            logits_NV = logits_NV.float()
        return F.cross_entropy(logits_NV, targets_BT.flatten())

    def head_input(self, x_BTD: Tensor) -> Tensor:
        """What the head's matrix is multiplied by: the residual stream normalised, times `logit_scale`."""
        normal_BTD: Tensor = self.final_norm(x_BTD)
        return normal_BTD if self.logit_scale == 1 else normal_BTD * self.logit_scale

    def _weights(self) -> Weights:
        """The weights as the CPU branches take them."""
        blocks = (
            BlockWeights(b.attention.qkv.weight, b.attention.out.weight, b.mlp.up.weight, b.mlp.down.weight)
            for b in self._blocks
        )
        cos_TP, sin_TP = self.rotate.buffers()
        head_VD = self.head.weight if self.logit_scale == 1 else self.head.weight * self.logit_scale
        ends = (self.embedding.weight, tuple(blocks), head_VD)
        return Weights(*ends, cos_TP, sin_TP, self.config.n_heads, self.config.norm_eps)

    @property
    def _blocks(self) -> list[Block]:
        """The blocks with their type."""
        return cast("list[Block]", list(self.blocks))

    @torch.no_grad()
    def initialise(self, seed: int) -> None:
        """Draw matrices from N(0, 1/fan_in), residual outputs divided by √(2L); norms start at 1, biases at 0.

        This keeps activations near unit size at every width (LeCun et al. 1998), and makes the growth of the residual
        stream independent of depth (Radford et al. 2019, section 2.3).
        """
        generator = torch.Generator().manual_seed(seed)
        residual_outputs = {id(part) for block in self._blocks for part in (block.attention.out, block.mlp.down)}
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                module.weight.normal_(0, EMBEDDING_STD, generator=generator)
            elif isinstance(module, nn.Linear):
                std = 1 / math.sqrt(module.in_features)
                if id(module) in residual_outputs:
                    std /= math.sqrt(2 * self.config.n_layers)
                if not (module is self.head and self.config.tied_head):
                    module.weight.normal_(0, std, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()

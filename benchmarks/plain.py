"""The model in its plainest form: separate projections, fused attention, torch's AdamW and clipping, eager fp32."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from model.config import ModelConfig


class PlainBlock(nn.Module):
    """A block written in the most obvious way."""

    def __init__(self, c: ModelConfig) -> None:
        super().__init__()
        d, ff = c.d_model, c.d_ff
        self.heads = c.n_heads
        self.q, self.k, self.v, self.o = (nn.Linear(d, d, bias=False) for _ in range(4))
        self.gate, self.up, self.down = (nn.Linear(*io, bias=False) for io in ((d, ff), (d, ff), (ff, d)))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """One block: [B, T, D] to [B, T, D]; cosines and sines are [T, K/2]."""
        B, T, D = x.shape
        h = F.rms_norm(x, (D,))
        q, k, v = (part(h).view(B, T, self.heads, -1).transpose(1, 2) for part in (self.q, self.k, self.v))
        q, k = (self.rotate(F.rms_norm(part, part.shape[-1:]), cos, sin) for part in (q, k))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(B, T, D))
        h = F.rms_norm(x, (D,))
        y = self.down(F.silu(self.gate(h)) * self.up(h))
        return x + y

    @staticmethod
    def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """RoPE on the two halves of each head's channels: [B, H, T, K] to [B, H, T, K]."""
        a, b = x.chunk(2, dim=-1)
        return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Plain(nn.Module):
    """The whole model written in the most obvious way, and its training step."""

    def __init__(self, c: ModelConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(c.vocab, c.d_model)
        self.blocks = nn.ModuleList(PlainBlock(c) for _ in range(c.n_layers))
        self.head = nn.Linear(c.d_model, c.vocab, bias=False)
        frequencies = 10_000.0 ** (-torch.arange(0, c.head_size, 2) / c.head_size)
        angles = torch.arange(c.context)[:, None] * frequencies
        self.cos, self.sin = angles.cos(), angles.sin()
        self.optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3, weight_decay=0.1)

    def forward(self, sequences: Tensor) -> Tensor:
        """Mean cross-entropy of sequences [B, T + 1], nats per token."""
        x = self.embedding(sequences[:, :-1])
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        logits = self.head(F.rms_norm(x, x.shape[-1:]))
        loss: Tensor = F.cross_entropy(logits.flatten(0, 1), sequences[:, 1:].flatten())
        return loss

    def take_step(self, sequences: Tensor) -> None:
        """One step of training on sequences [B, T + 1]."""
        loss = self(sequences)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        loss.item()

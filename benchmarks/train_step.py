"""Training steps of the demo's sizes on one CPU thread: ours beside the same model written plainly, interleaved.

    python -m benchmarks.train_step [--widths 16,32,48,64] [--compiled] [--json FILE]

The plain model is what one writes first: separate projections, fused attention, torch's AdamW and clipping. Every round
times each variant once, so that other work on the machine meets all of them; the ratios are medians over rounds. Times
are the thread's CPU seconds, which other processes stretch less than the clock.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from model.config import ModelConfig, RunConfig, TrainConfig
from model.device import device_name, keep_freed_memory, torch_settings
from model.flops import flops_per_token
from model.implementation import Implementation
from model.peak import matmul_peak
from model.training import Training

CPU = torch.device("cpu")


class PlainBlock(nn.Module):
    """A block in the obvious way."""

    def __init__(self, c: ModelConfig) -> None:
        super().__init__()
        d, ff = c.d_model, c.d_ff
        self.heads = c.n_heads
        self.q, self.k, self.v, self.o = (nn.Linear(d, d, bias=False) for _ in range(4))
        self.gate, self.up, self.down = (nn.Linear(*io, bias=False) for io in ((d, ff), (d, ff), (ff, d)))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        B, T, D = x.shape
        h = F.rms_norm(x, (D,))
        q, k, v = (part(h).view(B, T, self.heads, -1).transpose(1, 2) for part in (self.q, self.k, self.v))
        q, k = (self.rotate(F.rms_norm(part, part.shape[-1:]), cos, sin) for part in (q, k))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(B, T, D))
        h = F.rms_norm(x, (D,))
        return x + self.down(F.silu(self.gate(h)) * self.up(h))

    @staticmethod
    def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        a, b = x.chunk(2, dim=-1)
        return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Plain(nn.Module):
    """The whole model in the obvious way, and its training step."""

    def __init__(self, c: ModelConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(c.vocab, c.d_model)
        self.blocks = nn.ModuleList(PlainBlock(c) for _ in range(c.n_layers))
        self.head = nn.Linear(c.d_model, c.vocab, bias=False)
        frequencies = 10_000.0 ** (-torch.arange(0, c.head_size, 2) / c.head_size)
        angles = torch.arange(c.context)[:, None] * frequencies
        self.cos, self.sin = angles.cos(), angles.sin()
        self.optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3, weight_decay=0.1)

    def take_step(self, sequences: Tensor) -> None:
        x = self.embedding(sequences[:, :-1])
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        logits = self.head(F.rms_norm(x, x.shape[-1:]))
        loss = F.cross_entropy(logits.flatten(0, 1), sequences[:, 1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        loss.item()


def demo_shape(width: int) -> ModelConfig:
    """A size of the demo's kind: head size 16, four blocks, vocabulary 1024, context 128."""
    d_ff = 16 * round(width * 8 / 3 / 16)
    return ModelConfig(vocab=1024, context=128, d_model=width, n_layers=4, n_heads=width // 16, d_ff=d_ff)


def variants(shape: ModelConfig, batch: int, compiled: bool) -> dict[str, Callable[[Tensor], None]]:
    """Steppers by name, the plain one first."""

    def ours(**choice: Any) -> Callable[[Tensor], None]:
        run = RunConfig(shape, TrainConfig(sequences=batch * 10**6, batch=batch, lr=1e-3), dataset="")
        return Training(run, Implementation(**choice), CPU).take_step

    steppers = {
        "plain": Plain(shape).take_step,
        "autograd": ours(),
        "fused attention": ours(attention="fused"),
        "handwritten": ours(branches="handwritten"),
    }
    if compiled:
        steppers["compiled blocks"] = ours(attention="fused", compiled=True)
    return steppers


def measure(width: int, batch: int, rounds: int, compiled: bool) -> dict[str, Any]:
    """Best and median step of each variant, and the median of its speed-ups over plain, round by round."""
    shape = demo_shape(width)
    sequences = torch.randint(shape.vocab, (batch, shape.context + 1), generator=torch.Generator().manual_seed(0))
    steppers = variants(shape, batch, compiled)
    warm_up = {name: max(_time(step, sequences) for _ in range(3)) for name, step in steppers.items()}
    times = {name: [] for name in steppers}
    for _ in range(rounds):
        for name, step in steppers.items():
            times[name].append(_time(step, sequences))
    tokens = batch * shape.context
    return {
        name: {
            "width": width,
            "first_step_seconds": warm_up[name],
            "best_ms": min(seconds) * 1e3,
            "tokens_per_second": tokens / min(seconds),
            "gflops": tokens * flops_per_token(shape) / min(seconds) / 1e9,
            "ratio": statistics.median(p / s for p, s in zip(times["plain"], seconds, strict=True)),
        }
        for name, seconds in times.items()
    }


def _time(step: Callable[[Tensor], None], sequences: Tensor) -> float:
    began = time.thread_time()
    step(sequences)
    return time.thread_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", default="16,32,48,64")
    parser.add_argument("--batch", type=int, default=8, help="sequences of a step")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--compiled", action="store_true", help="also torch.compile by block (needs a C++ compiler)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    keep_freed_memory()
    with torch_settings(threads=1):
        peak = matmul_peak("cpu") / 1e9
        print(f"{device_name(CPU)}, torch {torch.__version__}, one thread, fp32 matmul peak {peak:.0f} GFLOP/s")
        rows = {}
        for width in map(int, options.widths.split(",")):
            rows[width] = measure(width, options.batch, options.rounds, options.compiled)
            for name, row in rows[width].items():
                print(
                    f"d {width:3d}  {name:16s} {row['best_ms']:7.2f} ms  {row['tokens_per_second']:8.0f} tokens/s  "
                    f"{row['gflops']:6.1f} GFLOP/s  {row['gflops'] / peak:4.0%} of peak  x{row['ratio']:.2f}",
                    flush=True,
                )
    if options.json:
        options.json.write_text(json.dumps({"peak_gflops": peak, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()

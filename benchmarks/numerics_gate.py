"""Whether a faster numerics profile may replace fp32: paired losses at two sizes, judged by the curvature of a law.

    python -m benchmarks.numerics_gate --profile bf16                        5 seeds × 1,000 steps at two widths
    python -m benchmarks.numerics_gate --device cuda --widths 128 512 --law fit.json --dataset ARTIFACTS/<dataset>

Each seed trains the same run twice, in fp32 and in the profile, from the same weights on the same data. The profile
passes if, with 95 % confidence, its loss differs at each size by less than it costs to be a factor 1.2 off the optimal
size, and the trend of the difference between the sizes moves N* by less than a factor 1.1. Both limits follow from the
parabola of a budget's curve, L = L* + b (ln N/N*)²: `--law` takes the smallest b of `isoflop fit SWEEP -o json`; the
default is that of the demo. Needs torch and numpy alone; without `--dataset` it generates tokens that can be learned.
Prints one JSON; exit code 0 if the profile passes, 1 if it fails.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.config import ModelConfig, RunConfig, TrainConfig
from model.device import device_name
from model.flops import count_parameters
from model.synthetic import synthetic_shards
from model.train import Diverged, train
from orchestrator.finite import finite
from tokenizer.shards import Shards, open_shards

CURVATURE = 0.19
"""The smallest b of the demo's three curves, which are 0.19 to 0.21 nats per (ln N)²."""
LOSS_FACTOR = 1.2
"""The profile's loss may differ by what it costs to be off the optimal size by this factor."""
SHIFT_FACTOR = 1.1
"""The profile may move N* by less than this factor."""
LEVEL = 0.95
"""Confidence of the intervals."""
CHAINS, SUCCESSORS = 64, 8
"""Parallel chains of generated tokens, and the number of tokens that may follow each one."""


@dataclass(frozen=True)
class Difference:
    """The profile's loss minus that of fp32 at one size."""

    params: int
    """Size N: matmul parameters."""
    losses: tuple[tuple[float, float], ...]
    """(fp32, profile) by seed, nats per token."""

    @property
    def estimate(self) -> tuple[float, float]:
        """Mean and standard error, nats per token; infinite where a run diverged."""
        paired = np.array([fast - exact for exact, fast in self.losses])
        if not np.isfinite(paired).all():
            return math.inf, math.inf
        return float(paired.mean()), float(paired.std(ddof=1) / math.sqrt(len(paired)))


def verdict(small: Difference, large: Difference, curvature: float) -> dict[str, Any]:
    """The differences with their intervals, the shift of N*, the limits, and whether the profile passes.

    `curvature` is b of L = L* + b (ln N/N*)². A difference that changes with ln N at a rate s moves the minimum of the
    parabola by −s/(2 b).
    """
    quantile = student(len(small.losses) - 1)
    allowed, allowed_shift = curvature * math.log(LOSS_FACTOR) ** 2, math.log(SHIFT_FACTOR)
    sizes = []
    for one in (small, large):
        mean, error = one.estimate
        ends = [mean - quantile * error, mean + quantile * error] if math.isfinite(mean) else [-math.inf, math.inf]
        sizes.append(asdict(one) | {"difference": mean, "interval": ends, "passes": max(map(abs, ends)) < allowed})
    (first, first_error), (second, second_error) = small.estimate, large.estimate
    lever = 2 * curvature * math.log(large.params / small.params)
    shift, half = math.inf, math.inf
    if math.isfinite(first + second):
        shift = -(second - first) / lever
        half = quantile * math.hypot(first_error, second_error) / lever
    moves = {"log_shift": shift, "interval": [shift - half, shift + half] if math.isfinite(shift) else None}
    moves |= {"allowed": allowed_shift, "passes": abs(shift) + half < allowed_shift}
    return {
        "curvature": curvature,
        "allowed_difference": allowed,
        "sizes": sizes,
        "optimum": moves,
        "passes": bool(all(size["passes"] for size in sizes) and moves["passes"]),
    }


def student(freedom: int, level: float = LEVEL) -> float:
    """Two-sided quantile of Student's t, by bisection on its integral, which needs no SciPy."""
    front = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)

    def within(bound: float) -> float:
        """Probability of a value between −bound and bound."""
        t = np.linspace(0, bound, 20_001)
        heights = front * (1 + t * t / freedom) ** (-(freedom + 1) / 2)
        return float((heights[1:] + heights[:-1]).sum() * (t[1] - t[0]))

    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) < level else (low, middle)
    return high


def learnable_shards(vocab: int, train_tokens: int, validation_tokens: int) -> Shards:
    """Tokens generated by random chains: each token has a few successors, the first of them more likely."""
    generator = np.random.default_rng(0)
    follows = generator.integers(0, vocab, (vocab, SUCCESSORS))
    total = train_tokens + validation_tokens
    choice = np.minimum(generator.geometric(0.4, (-(-total // CHAINS), CHAINS)) - 1, SUCCESSORS - 1)
    tokens = np.empty(choice.shape, dtype=np.int64)
    tokens[0] = np.arange(CHAINS) % vocab
    for step in range(1, len(tokens)):
        tokens[step] = follows[tokens[step - 1], choice[step]]
    drawn = tokens.T.ravel()[:total].astype(np.uint16 if vocab <= 2**16 else np.uint32)
    blank = synthetic_shards(vocab, train_tokens, validation_tokens)
    return replace(blank, train=drawn[:train_tokens], validation=drawn[train_tokens:])


def compare(
    profile: str, model: ModelConfig, optimisation: TrainConfig, seeds: int, loss: Callable[[RunConfig], float]
) -> Difference:
    """Train one size with each seed in fp32 and in the profile; `loss` trains a run, and is infinite if it diverges."""
    pairs = []
    for seed in range(seeds):
        runs = (
            RunConfig(model, replace(optimisation, seed=seed, numerics=numerics), "synthetic")
            for numerics in ("fp32", profile)
        )
        exact, fast = (loss(run) for run in runs)
        pairs.append((exact, fast))
        sys.stderr.write(f"d {model.d_model}, seed {seed}: fp32 {exact:.4f}, {profile} {fast - exact:+.4f}\n")
    return Difference(count_parameters(model).matmul, tuple(pairs))


def trained_loss(data: Shards, device: str) -> Callable[[RunConfig], float]:
    """A function that trains a run on these data and returns its validation loss, infinite if it diverges."""

    def loss(run: RunConfig) -> float:
        """Validation loss of a run, nats per token."""
        try:
            return train(replace(run, dataset=data.manifest.dataset), data, lambda _: None, device=device).loss
        except Diverged:
            return math.inf

    return loss


def curvature_of(law: Path) -> float:
    """The smallest b among the curves with a parabola in the JSON of `isoflop fit`. Exits where there is none."""
    curves = json.loads(law.read_text())["curves"]
    curvatures = [
        curve["parabola"][2] for curve in curves if any(m["estimator"] == "parabola" for m in curve["minima"])
    ]
    if not curvatures:
        raise SystemExit(f"{law}: no curve has a parabola with a minimum: give a number by --curvature")
    return float(min(curvatures))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, judge, print. Returns 0 if the profile passes, otherwise 1."""
    options = _options(arguments)
    began = time.perf_counter()
    curvature = curvature_of(options.law) if options.law else options.curvature
    sequences = options.steps * options.batch
    if options.dataset:
        data = open_shards(options.dataset)
    else:
        data = learnable_shards(options.vocab, sequences * options.context + 1, options.validation)
    loss = trained_loss(data, options.device)
    small, large = (
        compare(options.profile, *_cell(width, data.manifest.vocab, sequences, options), options.seeds, loss)
        for width in sorted(options.widths)
    )
    report = verdict(small, large, curvature) | {
        "profile": options.profile,
        "device_name": device_name(torch.device(options.device)),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "steps": options.steps,
        "seconds": time.perf_counter() - began,
    }
    sys.stdout.write(json.dumps(finite(report), indent=2, allow_nan=False) + "\n")
    sys.stderr.write(f"{options.profile} {'passes' if report['passes'] else 'fails'} the gate\n")
    return int(not report["passes"])


def _cell(width: int, vocab: int, sequences: int, options: argparse.Namespace) -> tuple[ModelConfig, TrainConfig]:
    """A shape with heads of at most about 32 channels, and the learning rates of cpu-small, which fall as 1/√N."""
    shape = ModelConfig(vocab, options.context, width, options.layers, max(1, width // 32), round(width * 8 / 6) * 2)
    rate = min(0.01, 0.006 * (count_parameters(shape).nonembedding / 38_400) ** -0.5)
    return shape, TrainConfig(sequences=sequences, batch=options.batch, lr=rate, embedding_lr=10 * rate)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="bf16")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--widths", type=int, nargs=2, default=(32, 96), metavar=("SMALL", "LARGE"))
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8, help="sequences of a step")
    parser.add_argument("--context", type=int, default=128)
    parser.add_argument("--vocab", type=int, default=1024, help="vocabulary of the generated tokens")
    parser.add_argument("--validation", type=int, default=131_072, help="generated tokens on which each run is scored")
    parser.add_argument("--dataset", type=Path, help="folder of token shards to use instead of generated tokens")
    parser.add_argument("--law", type=Path, help="JSON of `isoflop fit SWEEP -o json`, for the curvature")
    parser.add_argument("--curvature", type=float, default=CURVATURE, help="b in nats per (ln N) squared")
    options = parser.parse_args(arguments)
    if options.seeds < 2 or options.curvature <= 0 or min(options.widths) == max(options.widths):
        parser.error("give at least two seeds, two different widths and a positive curvature")
    return options


if __name__ == "__main__":
    raise SystemExit(main())

"""Marin's rule of 2025 for IsoFLOP sweeps: a fixed number of steps sets the batch; batch and width set the rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from model.config import ModelConfig, TrainConfig
from sweeps.recipes.common import OPTIMIZER, OURS
from sweeps.recipes.recipe import Range, Recipe

MARIN: Final = "marin, experiments/scaling_law_sweeps/c_adamc.py (CAdamCHeuristic)"


@dataclass(frozen=True, kw_only=True)
class Marin(Recipe):
    """B_seq, Marin's batch in sequences of 4,096 tokens, is here the tokens of a step over sequence_tokens.

    So the rules depend on the tokens of a step, which set the noise of a gradient, whatever the context of the sweep.
    """

    head_size: int
    """Channels of one head."""
    depth_offset: float
    """L = round(d / (depth_offset + depth_slope · log2 d))."""
    depth_slope: float
    """See depth_offset."""
    steps_per_run: int
    """Steps that a run should take: the batch is D over these, rounded up to a power of two."""
    sequence_tokens: int
    """Tokens of one of Marin's sequences."""
    lr_constant: float
    """Peak learning rate = lr_constant · sqrt(B_seq) / d; while it exceeds lr_cap the batch is halved."""
    lr_cap: float
    """Ceiling of the learning rate."""
    warmup: float
    """Share of the steps in warmup."""
    beta2_base: float
    """AdamW's second-moment decay = beta2_base ^ (B_seq / beta2_sequences), at least beta2_floor."""
    beta2_sequences: float
    """See beta2_base."""
    beta2_floor: float
    """See beta2_base."""

    def depth_of(self, width: int) -> int:
        """Blocks, which grow a little slower than the width."""
        return max(1, round(width / (self.depth_offset + self.depth_slope * math.log2(width))))

    def heads_of(self, width: int) -> int:
        """One head for each head_size."""
        return max(1, width // self.head_size)

    def contradictions(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Heads of no channel, and a depth without a rule."""
        if self.head_size == 0:
            yield ("head_size",), "head_size must be positive, is 0"
        if not (self.depth_offset or self.depth_slope):
            yield ("depth_offset", "depth_slope"), "depth_offset and depth_slope are both 0: set one of them"

    def optimise(self, model: ModelConfig, sequences: int) -> TrainConfig:
        """The batch by D and the cap; learning rate and beta2 by the batch that whole sequences allow."""
        wanted = 2.0 ** math.ceil(math.log2(sequences * model.context / self.steps_per_run))
        while wanted > model.context and self._lr(wanted, model) > self.lr_cap:
            wanted /= 2
        batch = max(1, round(wanted / model.context))
        tokens = batch * model.context
        return self.settings(
            sequences,
            batch=batch,
            lr=min(self.lr_cap, self._lr(tokens, model)),
            warmup=self.warmup,
            beta2=max(self.beta2_floor, self.beta2_base ** (tokens / self.sequence_tokens / self.beta2_sequences)),
        )

    def _lr(self, batch_tokens: float, model: ModelConfig) -> float:
        return self.lr_constant * math.sqrt(batch_tokens / self.sequence_tokens) / model.d_model


_VALUES: Final = (
    *("width_step", "ff_ratio", "ff_step", "head_size", "depth_offset", "depth_slope", "steps_per_run"),
    *("sequence_tokens", "lr_constant", "lr_cap", "warmup", "cooldown", "weight_decay", "schedule", "final_lr"),
    *("beta1", "beta2_base", "beta2_sequences", "beta2_floor", "eps", "clip"),
)

MARIN_2025: Final = Marin(
    name="marin-2025",
    about="Marin's rule for budgets of 1e18 and more: 65,536 steps a run, heads of 128, an MLP of four widths.",
    differs="Marin's optimizer is Cautious Adam with corrected weight decay, here it is AdamW; its norms have weights "
    "(model: {norm_weights: true}), and its rotary positions are Llama 3's",
    width_step=128,
    ff_ratio=4.0,
    ff_step=128,
    head_size=128,
    depth_offset=64 - 9,
    depth_slope=4.0,
    steps_per_run=2**16,
    sequence_tokens=4096,
    lr_constant=0.33,
    lr_cap=0.01,
    warmup=0.1,
    cooldown=0.2,
    weight_decay=0.1,
    beta1=0.95,
    beta2_base=0.98,
    beta2_sequences=128.0,
    beta2_floor=0.95,
    eps=1e-15,
    clip=1.0,
    tokens_per_param=20.0,
    min_steps=200,
    params_range=Range(2.5e7, 1.2e10),
    ratio_range=Range(0.5, 2000),
    batch_range=Range(8 * 4096, 8192 * 4096),
    range_source="its sweeps: widths from 512, up to 12e9 parameters, 8 to 8,192 sequences of 4,096 tokens, 1e18 to "
    "1e20 FLOPs (marin, scaling_laws/isoflop_analysis.py)",
    sources=dict.fromkeys(_VALUES, MARIN)
    | OPTIMIZER
    | {"tokens_per_param": "Hoffmann et al. 2022 (2203.15556)", "min_steps": OURS},
)

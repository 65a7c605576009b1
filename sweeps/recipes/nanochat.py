"""nanochat's rule: depth alone sets the shape; batch, rate and weight decay scale with D from its 12-block model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from model.config import ModelConfig, TrainConfig
from sweeps.recipes.common import LLAMA, OLMO, OPTIMIZER, OURS, USUAL
from sweeps.recipes.recipe import Range, Recipe

SCRIPT: Final = "nanochat, scripts/base_train.py"
SETUP: Final = "nanochat, nanochat/gpt.py, setup_optimizer: its AdamW groups"
POWER_LINES: Final = f"{SCRIPT}, after Power Lines (2505.13738)"


@dataclass(frozen=True, kw_only=True)
class Nanochat(Recipe):
    """Everything scales from the compute-optimal run of the 12-block model, by the run's own D and width."""

    width_per_layer: int
    """d_model per block."""
    head_size: int
    """Channels of one head."""
    batch_tokens: float
    """Tokens of one optimizer step at D = reference_tokens."""
    batch_exponent: float
    """Exponent of D in the batch, which is rounded to the nearest power of two."""
    lr: float
    """Peak learning rate at the reference batch and width; it grows as the root of the batch."""
    embedding_lr: float
    """Peak learning rate of embedding and head at the reference batch and width."""
    width_exponent: float
    """Exponent of d_model in both learning rates."""
    reference_tokens: float
    """D at which batch_tokens and weight_decay hold; weight decay falls as sqrt(B) / D from there."""
    reference_width: int
    """d_model at which the learning rates hold."""
    warmup_steps: int
    """Steps of warmup."""
    beta2: float
    """AdamW's second-moment decay below large_batch tokens."""
    beta2_large: float
    """AdamW's second-moment decay from large_batch tokens on."""
    large_batch: float
    """Batch in tokens from which beta2_large holds."""

    def depth_of(self, width: int) -> int:
        """One block for each width_per_layer."""
        return max(1, round(width / self.width_per_layer))

    def heads_of(self, width: int) -> int:
        """One head for each head_size."""
        return max(1, width // self.head_size)

    def contradictions(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Widths by which blocks or heads are counted, of nothing."""
        for name in ("width_per_layer", "head_size"):
            if getattr(self, name) == 0:
                yield (name,), f"{name} must be positive, is 0"

    def optimise(self, model: ModelConfig, sequences: int) -> TrainConfig:
        """Batch by D; learning rates by batch and width; weight decay so that B / (lr · wd · D) stays constant."""
        length = sequences * model.context / self.reference_tokens
        wanted = 2.0 ** round(math.log2(self.batch_tokens * length**self.batch_exponent))
        batch = max(1, round(wanted / model.context))
        root = math.sqrt(batch * model.context / self.batch_tokens)
        scale = root * (model.d_model / self.reference_width) ** self.width_exponent
        return self.settings(
            sequences,
            batch=batch,
            lr=self.lr * scale,
            embedding_lr=self.embedding_lr * scale if self.embedding_lr else None,
            weight_decay=self.weight_decay * root / length,
            warmup_steps=self.warmup_steps,
            beta2=self.beta2 if batch * model.context < self.large_batch else self.beta2_large,
        )


NANOCHAT: Final = Nanochat(
    name="nanochat",
    about="nanochat's shapes and its scaling from the 12-block model, for budgets near 1e18 to 1e19.",
    differs="nanochat trains its matrices with Muon and its MLP is ReLU² of four widths; here both are AdamW and "
    "SwiGLU of as many parameters, so the rate and the weight decay of the matrices are not its own. Its MLP, its "
    "windows and its capped logit are model: {mlp: relu2, window: 512, window_pattern: SSSL, logit_cap: 15}, with a "
    "quarter of the context as the window; Muon is recipe_overrides: {optimizer: muon}, though not in its variant. It "
    "also has value embeddings and a weight decay that falls to zero; its rule takes D of the compute-optimal run of "
    "each size, here it is the run's own",
    width_step=128,
    ff_ratio=8 / 3,
    ff_step=64,
    width_per_layer=64,
    head_size=128,
    batch_tokens=2**19,
    batch_exponent=0.383,
    lr=0.003,
    embedding_lr=0.008,
    width_exponent=-0.5,
    reference_tokens=12 * 110e6,
    reference_width=768,
    warmup_steps=40,
    cooldown=0.65,
    final_lr=0.05,
    weight_decay=0.1,
    beta2=0.99,
    beta2_large=0.95,
    large_batch=524_288,
    clip=0.0,
    tokens_per_param=12.0,
    min_steps=200,
    params_range=Range(7e7, 2e9),
    ratio_range=Range(0.7, 300),
    batch_range=Range(2**19, 2**21),
    range_source="its sweeps, runs/scaling_laws.sh: 10 to 20 blocks at 1e18 to 1e19 FLOPs; single runs of up to 32",
    sources={
        **dict.fromkeys(("width_step", "width_per_layer", "head_size", "warmup_steps", "cooldown", "final_lr"), SCRIPT),
        **dict.fromkeys(("batch_tokens", "batch_exponent"), POWER_LINES),
        **dict.fromkeys(("width_exponent", "reference_width"), SETUP),
        **dict.fromkeys(("beta2", "beta2_large", "large_batch"), OLMO),
        **dict.fromkeys(("beta1", "eps", "weight_decay"), f"{USUAL}; nanochat's own belongs to Muon and its groups"),
        **OPTIMIZER,
        "ff_ratio": LLAMA,
        "ff_step": "multiples of 64",
        "lr": "OLMo's halved rule at nanochat's 12-block size, 0.00235 at 327,680 tokens a step, times the root of "
        "the batches; nanochat's 0.02 is Muon's",
        "embedding_lr": f"{SCRIPT}: the head's rate, the smaller of its two, as this core has one for both",
        "reference_tokens": f"{SCRIPT}: 12 tokens for each of the 12-block model's 110 M parameters of matrices and "
        "head",
        "schedule": f"{SCRIPT}: warmup, constant, linear fall",
        "clip": "nanochat, dev/LOG.md: costs 2 % of the time for no gain",
        "tokens_per_param": f"{SCRIPT}, --target-param-data-ratio",
        "min_steps": OURS,
    },
)

"""The recipe of this project's own runs: tiny models on a CPU."""

from __future__ import annotations

from typing import Final

from sweeps.recipes.common import COMMON, OLMO, OURS, UNUSED
from sweeps.recipes.power_laws import PowerLaws
from sweeps.recipes.recipe import Range

_SHAPE: Final = ("layers", "heads", "width_step", "ff_step")
_BATCH: Final = ("batch_tokens", "batch_exponent", "batch_length_exponent", "reference_tokens")
_RATES: Final = ("lr", "lr_exponent", "lr_cap", "embedding_lr", "embedding_lr_exponent", "reference_params")

CPU_SMALL: Final = PowerLaws(
    name="cpu-small",
    about="Two blocks of one head each, with a batch that grows with the run's length: tiny models on a CPU.",
    layers=2,
    width_per_layer=0,
    heads=1,
    head_size=0,
    width_step=2,
    ff_ratio=8 / 3,
    ff_step=2,
    batch_tokens=1024,
    batch_exponent=0.0,
    batch_length_exponent=0.5,
    lr=0.006,
    lr_exponent=-0.5,
    lr_cap=0.01,
    embedding_lr=0.06,
    embedding_lr_exponent=-0.25,
    reference_params=38_400,
    reference_tokens=3.6e6,
    warmup=0.02,
    warmup_per_param=0.0,
    cooldown=0.2,
    weight_decay=0.1,
    beta2=0.99,
    beta2_large=0.95,
    large_batch=524_288,
    tokens_per_param=15.0,
    min_steps=100,
    params_range=Range(9_000, 700_000),
    ratio_range=Range(1, 300),
    batch_range=Range(256, 1920),
    range_source="experiments/cpu-small.md: cells of 1e11 and 5e12 FLOPs, batch by learning rate",
    sources=COMMON
    | dict.fromkeys((*_SHAPE, *_BATCH, *_RATES, "warmup", "cooldown", "tokens_per_param", "min_steps"), OURS)
    | dict.fromkeys(("width_per_layer", "head_size", "warmup_per_param"), UNUSED)
    | dict.fromkeys(("beta2", "beta2_large", "large_batch"), OLMO),
)

"""OLMo's ladder, which is the rule of Porian et al. in code."""

from __future__ import annotations

from typing import Final

from sweeps.recipes.common import COMMON, NANOCHAT_SHAPE, OLMO, OURS, UNUSED
from sweeps.recipes.power_laws import PowerLaws
from sweeps.recipes.recipe import Range

_OLMO: Final = ("batch_tokens", "batch_exponent", "batch_length_exponent", "lr", "lr_exponent", "reference_params")

PORIAN_OLMO: Final = PowerLaws(
    name="porian-olmo",
    about="OLMo's ladder rule, for 5 M parameters and more at D/N near 20.",
    layers=0,
    width_per_layer=64,
    heads=0,
    head_size=64,
    width_step=64,
    ff_ratio=8 / 3,
    ff_step=64,
    batch_tokens=2048 * 160,
    batch_exponent=2 / 3,
    batch_length_exponent=0.0,
    lr=0.0047 / 2,
    lr_exponent=-1 / 3,
    lr_cap=0.01,
    embedding_lr=0.0,
    embedding_lr_exponent=0.0,
    reference_params=108e6,
    reference_tokens=20 * 108e6,
    warmup=0.0,
    warmup_per_param=1.0,
    cooldown=0.2,
    weight_decay=0.1,
    beta2=0.99,
    beta2_large=0.95,
    large_batch=524_288,
    tokens_per_param=20.0,
    min_steps=200,
    params_range=Range(5e6, 5e9),
    ratio_range=Range(5, 200),
    batch_range=Range(30_000, 8e6),
    range_source="Porian et al. 2024 tuned from 5 M parameters up; OLMo's ladder goes on to billions",
    sources=COMMON
    | dict.fromkeys((*_OLMO, "warmup_per_param", "beta2", "beta2_large", "large_batch"), OLMO)
    | dict.fromkeys(("layers", "width_per_layer", "width_step", "ff_step"), NANOCHAT_SHAPE)
    | dict.fromkeys(("heads", "head_size"), "core peers: head size 64 below d = 512 and above")
    | {
        **dict.fromkeys(("embedding_lr", "embedding_lr_exponent"), UNUSED),
        "reference_tokens": UNUSED,
        "lr_cap": "Marin's cap of the learning rate",
        "warmup": UNUSED,
        "cooldown": "Hägele et al. 2024 (2405.18392): 20 % matches cosine",
        "tokens_per_param": "Hoffmann et al. 2022 (2203.15556)",
        "min_steps": OURS,
    },
)

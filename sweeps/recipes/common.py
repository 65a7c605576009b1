"""Sources that several recipes cite."""

from __future__ import annotations

from typing import Final

OURS: Final = "our runs at 1e11 to 1e12 FLOPs on Python source (experiments/cpu-small.md)"
OLMO: Final = "OLMo-core's model ladder, wsds_chinchilla_run_configurator.py, after Porian et al. 2024 (2406.19146)"
NANOCHAT_SHAPE: Final = "nanochat's fixed-FLOP sweeps: d = 64 · L"
LLAMA: Final = "Shazeer 2020 (2002.05202): three matrices of 8/3 d cost as much as two of 4 d"
USUAL: Final = "usual AdamW setting of all peers compared"
UNUSED: Final = "not used by this recipe"
OPTIMIZER: Final = {
    "optimizer": "AdamW (Loshchilov & Hutter 2019); Muon (Jordan et al. 2024) is the alternative",
    "momentum": "Jordan et al. 2024, Liu et al. 2025 (2502.16982), for `optimizer: muon`",
}
"""Sources of the optimizer where it is AdamW."""

COMMON: Final = {
    "ff_ratio": LLAMA,
    "schedule": "WSD as epfml's schedules-and-scaling (2405.18392): matches cosine",
    "final_lr": "epfml's schedules-and-scaling (2405.18392): cooldown to zero",
    "beta1": USUAL,
    "eps": USUAL,
    "clip": USUAL,
    "weight_decay": USUAL,
    **OPTIMIZER,
}
"""Sources of the values that the recipes for AdamW share."""

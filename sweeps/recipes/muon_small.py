"""The recipe of this project's own runs with Muon: tiny models on a CPU."""

from __future__ import annotations

import dataclasses
from typing import Final

from sweeps.recipes.cpu_small import CPU_SMALL
from sweeps.recipes.recipe import Range

CELLS: Final = "our runs at 1e11 and 1e12 FLOPs on Python source (experiments/muon-small.md)"

MUON_SMALL: Final = dataclasses.replace(
    CPU_SMALL,
    name="muon-small",
    about="cpu-small with Muon for the matrices of the blocks, whose rate falls as the root of the width.",
    optimizer="muon",
    lr=0.0085,
    lr_exponent=-0.25,
    lr_cap=0.02,
    params_range=Range(12_000, 310_000),
    ratio_range=Range(1, 100),
    batch_range=Range(256, 1152),
    range_source="experiments/muon-small.md: cells of 1e11 and 1e12 FLOPs, batch by learning rate",
    sources={
        **CPU_SMALL.sources,
        "optimizer": "Jordan et al. 2024, with the scale of the step of Liu et al. 2025 (2502.16982)",
        "momentum": "Jordan et al. 2024, Liu et al. 2025 (2502.16982)",
        "lr": CELLS,
        "lr_exponent": f"{CELLS}: a step whose greatest singular value does not depend on the width",
        "lr_cap": CELLS,
    },
)

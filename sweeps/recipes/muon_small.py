"""The recipe of this project's own runs with Muon: tiny models on a CPU."""

from __future__ import annotations

import dataclasses
from typing import Final

from sweeps.recipes.cpu_small import CPU_SMALL

MUON_SMALL: Final = dataclasses.replace(
    CPU_SMALL,
    name="muon-small",
    about="cpu-small with Muon for the matrices of the blocks: tiny models on a CPU.",
    optimizer="muon",
)

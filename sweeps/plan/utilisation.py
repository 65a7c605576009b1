"""The share of a device's peak that training reaches, by model size: assumed for devices that are not at hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Reached:
    """A measured or published share of the peak for one size of model."""

    params: float
    """N: parameters of the matrices, head included."""
    mfu: float
    """Model FLOPs with full attention (PaLM, appendix B) a second over the dense 16-bit peak of the data sheet."""
    source: str
    """Who measured it."""


MEASURED = "isoflop on an H200, compiled: docs/experiments/gpu.md"
REACHED = (
    Reached(1e6, 0.08, MEASURED),
    Reached(5e6, 0.21, MEASURED),
    Reached(17e6, 0.31, MEASURED),
    Reached(124e6, 0.40, MEASURED),
    Reached(324e6, 0.46, "karpathy/nanochat, 18 blocks, dev/LOG.md"),
)
"""Ascending in size; steps of one run at a time. Slower devices reach a larger share of their smaller peak."""


def assumed_mfu(params: float) -> float:
    """The share of the peak to expect at N parameters.

    Linear in log-log between the figures of `REACHED`; below them as the first two go on, above them as the last.
    """
    sizes = np.log([point.params for point in REACHED])
    shares = np.log([point.mfu for point in REACHED])
    x = np.log(params)
    if x < sizes[0]:
        slope = (shares[1] - shares[0]) / (sizes[1] - sizes[0])
        return float(np.exp(shares[0] + slope * (x - sizes[0])))
    return float(np.exp(np.interp(x, sizes, shares)))

"""The share of a device's peak that training reaches, by model size: assumed for devices that are not at hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Reached:
    """A published or estimated share of the peak for one size of model."""

    params: float
    """N: parameters of the matrices, head included."""
    mfu: float
    """Model FLOPs with full attention (PaLM, appendix B) a second over the dense 16-bit peak of an H100."""
    source: str
    """Who published it, or that it is an estimate."""


ESTIMATE = "estimate: limited by kernel launches and memory, no published figure"
REACHED = (
    Reached(1e6, 0.04, ESTIMATE),
    Reached(5e6, 0.10, ESTIMATE),
    Reached(17e6, 0.19, "openai/parameter-golf, 17 M: 44.75 ms for 524,288 tokens on 8 H100"),
    Reached(124e6, 0.38, "karpathy/llm.c, 124 M: 140 ms for 524,288 tokens on 8 H100"),
    Reached(324e6, 0.46, "karpathy/nanochat, 18 blocks, dev/LOG.md"),
)
"""Ascending in size; well-tuned training on H100s. Slower devices reach a larger share of their smaller peak."""


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

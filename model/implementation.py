"""How a run is computed where several ways give the same mathematics: recorded with a result, never hashed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from model.config import ConfigError, ModelConfig, TrainConfig

EXPLICIT_CONTEXT_MAX = 512
"""Longest context for which materialised attention is the default on a CPU."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """One choice among equivalent ways to compute a run; results are bit-equal only within one choice."""

    attention: str = "explicit"
    """explicit (scores are materialised) | fused (torch's scaled_dot_product_attention)."""
    branches: str = "autograd"
    """autograd (torch derives the backward pass) | handwritten (`model.branches`; needs explicit attention)."""
    compiled: bool = False
    """Compile each block with torch.compile; pays only for runs much longer than the compilation."""
    threads: int = 1
    """CPU threads of torch."""
    micro_batch: int | None = None
    """Sequences of one forward and backward pass; None takes the whole batch. Out of memory halves it."""

    def __post_init__(self) -> None:
        for name, known in (("attention", ("explicit", "fused")), ("branches", ("autograd", "handwritten"))):
            if getattr(self, name) not in known:
                raise ConfigError(f"implementation.{name} is {getattr(self, name)!r}: choose {' or '.join(known)}")
        if self.branches == "handwritten" and (self.attention != "explicit" or self.compiled):
            raise ConfigError("handwritten branches need explicit attention and no compilation")
        if self.threads < 1:
            raise ConfigError(f"implementation.threads must be at least 1, is {self.threads}")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data."""
        return dataclasses.asdict(self)


def handwritten_supports(model: ModelConfig, numerics: str) -> bool:
    """Whether `model.branches` covers these parts: the default architecture in full precision."""
    return (
        numerics == "fp32"
        and model.mlp == "swiglu"
        and not (model.norm_weights or model.biases or model.logit_cap)
        and model.rope_base > 0
    )


def choose_implementation(model: ModelConfig, train: TrainConfig, device: str) -> Implementation:
    """The default choice, a pure function of the run and the kind of device, so that every attempt agrees."""
    if device != "cpu" or model.context > EXPLICIT_CONTEXT_MAX:
        return Implementation(attention="fused")
    if handwritten_supports(model, train.numerics):
        return Implementation(branches="handwritten")
    return Implementation()

"""How a run is computed where several ways give the same mathematics: recorded with a result, never hashed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from model.config import ConfigError, ModelConfig, TrainConfig
from model.cpu.build import available, compiler
from model.flops import flops_per_token

EXPLICIT_CONTEXT_MAX = 512
"""Longest context for which materialised attention is the default on a CPU."""

OWN_BACKWARD = ("handwritten", "native")
"""Kinds of branches with a backward pass of their own, which cover the default architecture in fp32 on a CPU."""
_KNOWN = {"attention": ("explicit", "fused"), "branches": ("autograd", *OWN_BACKWARD), "head": ("whole", "chunked")}
COMPILE_FLOPS = {"cpu": 2e13, "cuda": 1e16}
"""Training FLOPs from which torch.compile repays itself: on a CPU it takes some 60 to 90 s a shape and gains a third
over 40 GFLOP/s; on a GPU, not measured here, some 30 s and a fifth."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """One choice among equivalent ways to compute a run; results are bit-equal only within one choice."""

    attention: str = "explicit"
    """explicit (scores are materialised) | fused (torch's scaled_dot_product_attention)."""
    branches: str = "autograd"
    """autograd (torch derives the backward pass) | handwritten (`model.cpu.handwritten`) | native (`model.cpu.native`).

    The latter two need explicit attention; native needs a C++ compiler besides."""
    head: str = "whole"
    """whole (the logits of a micro-batch are held) | chunked (`model.head`); own branches always work in chunks."""
    compiled: bool = False
    """Compile each block with torch.compile; pays only for runs much longer than the compilation."""
    threads: int = 1
    """CPU threads of torch."""
    micro_batch: int | None = None
    """Sequences of one forward and backward pass; None takes the whole batch. Out of memory halves it."""

    def __post_init__(self) -> None:
        for name, known in _KNOWN.items():
            if getattr(self, name) not in known:
                raise ConfigError(f"implementation.{name} is {getattr(self, name)!r}: choose {' or '.join(known)}")
        if self.branches in OWN_BACKWARD and (self.attention != "explicit" or self.compiled):
            raise ConfigError(f"{self.branches} branches need explicit attention and no compilation")
        if self.threads < 1:
            raise ConfigError(f"implementation.threads must be at least 1, is {self.threads}")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data."""
        return dataclasses.asdict(self)


def handwritten_supports(model: ModelConfig) -> bool:
    """Whether `model.cpu.handwritten` covers these parts: the default architecture, with or without a tied head."""
    plain = not (model.norm_weights or model.biases or model.logit_cap)
    return model.mlp == "swiglu" and model.qk_norm and model.rope_base > 0 and plain


def check_implementation(implementation: Implementation, model: ModelConfig, numerics: str, device: str) -> None:
    """Raise ConfigError if the choice cannot compute this run."""
    if implementation.branches not in OWN_BACKWARD:
        return
    if not (handwritten_supports(model) and numerics == "fp32"):
        raise ConfigError(f"{implementation.branches} branches cover the default architecture in fp32: choose autograd")
    if device != "cpu":
        raise ConfigError(f"{implementation.branches} branches run on a CPU, not on {device}: choose autograd")
    if implementation.branches == "native" and not available():
        raise ConfigError("native branches need a C++ compiler: choose handwritten")


def choose_implementation(model: ModelConfig, train: TrainConfig, device: str) -> Implementation:
    """The default choice: a function of the run, the kind of device and the compiler, so that attempts agree."""
    flops = flops_per_token(model) * train.sequences * model.context
    if device != "cpu":
        compiled = flops >= COMPILE_FLOPS["cuda"] and find_spec("triton") is not None
        return Implementation(attention="fused", head="chunked", compiled=compiled)
    own = handwritten_supports(model) and train.numerics == "fp32"
    if own and available():
        return Implementation(branches="native")
    if own and model.context <= EXPLICIT_CONTEXT_MAX:
        return Implementation(branches="handwritten")
    attention = "explicit" if model.context <= EXPLICIT_CONTEXT_MAX else "fused"
    return Implementation(attention=attention, compiled=flops >= COMPILE_FLOPS["cpu"] and compiler() is not None)

"""Which architecture the CPU branches compute, and which of them is the default on a machine. Imports no torch."""

from __future__ import annotations

from model.config import ModelConfig
from model.cpu.build import available

OWN_BACKWARD = ("handwritten", "native")
"""Branches with a backward pass of their own: `model.cpu.handwritten` and `model.cpu.native`."""
EXPLICIT_CONTEXT_MAX = 512
"""Longest context, in tokens, for which materialised attention is the default on a CPU."""


def covers(model: ModelConfig, numerics: str) -> bool:
    """Whether these branches can compute a model: the default architecture in fp32, with or without a tied head.

    They know neither grouped heads, windows nor experts, and SwiGLU alone.
    """
    extras = model.norm_weights or model.biases or model.logit_cap or not model.plain_attention or model.experts > 1
    return numerics == "fp32" and model.mlp == "swiglu" and model.qk_norm and model.rope_base > 0 and not extras


def default_branches(model: ModelConfig, numerics: str) -> str:
    """The branches that compute a model on this CPU by default: native | handwritten | autograd.

    The native kernels where a compiler can build them; torch's operations with a backward pass written by hand where
    attention may be materialised; otherwise torch's own derivatives.
    """
    if not covers(model, numerics):
        return "autograd"
    if available():
        return "native"
    return "handwritten" if model.context <= EXPLICIT_CONTEXT_MAX else "autograd"

"""Names for the entries of each form's parameter vector, its columns and its derivatives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class AdditiveTheta(NamedTuple):
    """Parameters of the additive form: E + A/N^α + B/D^β."""

    floor: Any
    """E."""
    log_a: Any
    """ln A, at the origin of N."""
    log_alpha: Any
    """ln α."""
    log_b: Any
    """ln B, at the origin of D."""
    log_beta: Any
    """ln β."""


class SkalingTheta(NamedTuple):
    """Parameters of the Skaling form: E + (A/N^α + B/D^β)^γ."""

    floor: Any
    """E."""
    log_a: Any
    """ln A, at the origin of N."""
    log_alpha: Any
    """ln α."""
    log_b: Any
    """ln B, at the origin of D."""
    log_beta: Any
    """ln β."""
    log_gamma: Any
    """ln γ."""


class JointSkewTheta(NamedTuple):
    """Parameters of the joint-skew form: a skewed valley in ln N about a straight path of N*."""

    floor: Any
    """E."""
    log_scale: Any
    """ln K: what is left above E on the path at C0."""
    log_g: Any
    """ln g: the exponent with which that falls in C."""
    n0: Any
    """ln N* at C0, centred."""
    exponent: Any
    """a: the exponent of N* at C0."""
    log_p: Any
    """ln p: how steep the side of small models is."""
    log_q: Any
    """ln q: how steep the side of large models is."""


class JointSkewBentTheta(NamedTuple):
    """Parameters of the joint-skew form about a path that may bend."""

    floor: Any
    """E."""
    log_scale: Any
    """ln K: what is left above E on the path at C0."""
    log_g: Any
    """ln g: the exponent with which that falls in C."""
    n0: Any
    """ln N* at C0, centred."""
    exponent: Any
    """a: the exponent of N* at C0."""
    log_p: Any
    """ln p: how steep the side of small models is."""
    log_q: Any
    """ln q: how steep the side of large models is."""
    kappa: Any
    """κ: how fast the exponent of N* falls with ln C."""


class LineTheta(NamedTuple):
    """Parameters of power laws through minima: ln N* = n0 + a c and L* = L0 − s (1 − e^(−g c))/g, c = ln(C/C0)."""

    n0: Any
    """ln N* at C0, centred."""
    exponent: Any
    """a: the exponent of N*."""
    middle: Any
    """L0: L* at C0."""
    log_slope: Any
    """ln s: how fast L* falls with ln C at C0."""
    flattening: Any
    """g: how fast that slope falls with ln C."""


class FrontierTheta(NamedTuple):
    """Parameters of L*(C), the last three of `LineTheta`."""

    middle: Any
    """L0: L* at C0."""
    log_slope: Any
    """ln s: how fast L* falls with ln C at C0."""
    flattening: Any
    """g: how fast that slope falls with ln C."""


Theta = AdditiveTheta | SkalingTheta | JointSkewTheta | JointSkewBentTheta | FrontierTheta
"""The parameters of any form that the solver fits."""


def columns(theta: Floats) -> Iterator[Floats]:
    """The entries of parameter vectors (B, P), each as a column (B, 1)."""
    return (theta[:, i, None] for i in range(theta.shape[1]))

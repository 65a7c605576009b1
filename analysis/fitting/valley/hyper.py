"""How large the valley's noise, misfit and drift are: ten scales, each with a weak prior."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Scales(NamedTuple):
    """Natural logarithms of the scales."""

    noise: Any
    """σ: standard deviation of a run on its own near the valley's floor, in the loss's unit."""
    misfit: Any
    """φ: standard deviation of the form's error of a run, as a share of its height above the floor."""
    exponent_drift: Any
    """Drift of N*'s exponent, for each root of a unit of ln C, over φ."""
    slope_drift: Any
    """Drift of L*'s slope, as a share of it for each root of a unit of ln C, over φ."""
    sides: Any
    """How much p and q change from one budget to the next, in ln, over φ."""
    offset: Any
    """Standard deviation of what a budget's losses share, over σ."""
    tilt: Any
    """Standard deviation of a slope in ln N that they share, at the spread of their sizes, over σ."""
    size: Any
    """Standard deviation of what runs of one size, or trunk, share, over σ."""
    additive: Any
    """Standard deviation of ln g about that of an additive surface with the same sides, over φ."""
    irreducible: Any
    """Odds ε/(1 − ε) of the irreducible share ε of the loss, from which g is expected (`prior.FLATTENING`)."""


MEDIAN = Scales(
    noise=np.nan,
    misfit=0.01,
    exponent_drift=0.65,
    slope_drift=0.5,
    sides=3.0,
    offset=0.35,
    tilt=0.2,
    size=0.15,
    additive=20.0,
    irreducible=0.5,
)
"""Median of each scale a priori; the noise is free. Drift and misfit are of one kind, an error of the form, so the
drift is given as a multiple of the misfit: where the form fits every height to within the noise, its path and floor
hardly drift, and where it is wrong by a fifth they do. Surfaces are often nearly additive and sometimes not at all,
hence that one's small median and wide spread. About a third of a loss is irreducible; in large models, and where the
data are mostly noise, nine tenths may be."""
SPREAD = Scales(
    noise=np.inf,
    misfit=1.5,
    exponent_drift=1.2,
    slope_drift=0.7,
    sides=0.7,
    offset=0.9,
    tilt=0.6,
    size=1.2,
    additive=3.0,
    irreducible=1.5,
)
"""Standard deviation of ln of each scale a priori."""
_KNOWN = np.isfinite(SPREAD)
"""Which scales have a prior."""
_CENTRE = np.log(np.where(_KNOWN, MEDIAN, 1.0))
"""Its centre, 0 for the others."""
_PRECISION = np.where(_KNOWN, np.asarray(SPREAD, dtype=float) ** -2.0, 0.0)
"""Its precision, 0 for the others."""


def log_prior(scales: Floats) -> tuple[float, Floats]:
    """ln of the prior density of scales (S,), but for a constant, and its gradient (S,)."""
    off = np.where(_KNOWN, scales - _CENTRE, 0.0)
    return -0.5 * float(off**2 @ _PRECISION), -off * _PRECISION

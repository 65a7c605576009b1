"""Sweeps as published ones usually come out: the default surface, its misfit and drift, and what budgets share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.surface import Origin
from analysis.fitting.valley.form import ValleyTheta
from analysis.fitting.valley.hyper import MEDIAN, Scales
from analysis.fitting.valley.model import ValleyModel
from analysis.fitting.valley.prior import prior
from analysis.table.table import RunTable

Floats = NDArray[np.float64]

ALPHA, BETA = 0.34, 0.28
"""Exponents of the default surface E + A/N^α + B/D^β (Hoffmann et al. 2022, equation 10)."""
FLOOR, REDUCIBLE = 1.7, 1.6
"""Irreducible loss of the default surface, and what is left above it at the grid's middle, nats per token."""
FALL = ALPHA * BETA / (ALPHA + BETA)
"""Exponent with which that falls with C."""
SURFACE = ValleyTheta(
    level=FLOOR + REDUCIBLE,
    log_slope=np.log(REDUCIBLE * FALL),
    flattening=FALL,
    depth=0.0,
    narrowing=0.0,
    n0=0.0,
    exponent=BETA / (ALPHA + BETA),
    log_p=np.log(ALPHA),
    log_q=np.log(BETA),
)
"""The default surface as a valley through the geometric middle of the grid."""
USUAL = Scales(
    noise=np.nan,
    misfit=0.06,
    exponent_drift=0.75,
    slope_drift=0.4,
    sides=1.0,
    offset=0.3,
    tilt=0.2,
    size=0.4,
    additive=MEDIAN.additive,
    irreducible=MEDIAN.irreducible,
)
"""Typical scales of eleven published tables, rounded; the noise is the plan's. With the fit's priors taken off, misfits
scatter threefold about 0.04 (0.03 to 0.05 with any one table left out), or 0.1 among the six tables that determine
theirs. The exponent's drift is 0.6 of it (0.5 to 0.8), the slope's 0.6 (0.4 to 0.9), that of the sides 1.0 (0.7 to
1.1). The last two are not drawn from: the default surface is additive, and has its own irreducible loss."""
LEAST_NOISE = 1e-9
"""Noise of a plan without any, nats per token."""


def usual_outcomes(table: RunTable, noise: float, count: int) -> Iterator[RunTable]:
    """A planned table with losses of `count` different worlds; equal plans give equal losses.

    Each world is drawn from the headline's own prior about the default surface: its path and floor drift, its sides
    differ between budgets, runs of a budget or a size share errors, and each cell misses the form by a share of its
    height above the floor. `noise` is the standard deviation between seeds of one cell, nats per token.
    """
    model = ValleyModel.of(table, Origin.of(table.params, table.tokens, table.flops))
    scales = Scales(*np.log(USUAL._replace(noise=max(noise, LEAST_NOISE))))
    cell = np.unique(table.repeat, return_inverse=True)[1]
    middle, spread = _prior(model, scales)
    generator = np.random.default_rng(0)
    for _ in range(count):
        world = model.predict(middle + spread * generator.standard_normal(len(middle)))
        misfit = model.variances(scales, world.height, np.ones(len(world.loss)))[1]
        means = world.loss + np.sqrt(misfit) * generator.standard_normal(len(misfit))
        yield replace(table, loss=means[cell] + noise * generator.standard_normal(len(cell)))


def _prior(model: ValleyModel, scales: Scales) -> tuple[Floats, Floats]:
    """Mean and standard deviation of a world's parameters, (P,) each: the default surface's own are as they are."""
    middle = np.zeros(model.parameters)
    middle[model.blocks["fixed"]] = SURFACE
    precision = prior(model, scales, SURFACE).precision
    drawn = np.isin(ValleyTheta._fields, ("depth", "narrowing", "p_trend", "q_trend"))
    precision[model.blocks["fixed"]][~drawn] = np.inf
    return middle, precision**-0.5

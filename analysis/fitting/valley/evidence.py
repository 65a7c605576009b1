"""The marginal likelihood of the scales about one linearisation of the valley, with its gradient.

About a vector b0 the losses are linear in the parameters, and heavy-tailed noise is Gaussian with the weights
ω = (ν + 1)/(ν + r²/v) of Student's t (Lange, Little and Taylor 1989, section 3). Then with W = ω/v, D the precision of
the prior and A = J'WJ + D,

    2 ln p = −Σ ln v + Σ ln d − ln|A| − Σ W r² − Σ d (b − μ)² + constant,

and its derivatives by a scale need only the leverages and the diagonal of A⁻¹, since b minimises the two squares. The
distance from an additive valley enters as one more observation of zero, whose standard deviation is a scale.
Shape legend as in `model`; S scales.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri

from analysis.fitting.valley.form import ValleyTheta
from analysis.fitting.valley.hyper import Scales, log_prior
from analysis.fitting.valley.model import Prediction, ValleyModel
from analysis.fitting.valley.prior import additive_prior, prior

Floats = NDArray[np.float64]

TAILS = 5.0
"""Degrees of freedom ν of the noise: runs of published tables scatter about as widely."""

_NAMES = Scales._fields


@dataclass(frozen=True, eq=False)
class Solved:
    """The most probable parameters for given scales."""

    beta: Floats
    """Shape (P,)."""
    covariance: Floats
    """A⁻¹, shape (P, P)."""
    log_evidence: float
    """ln of the marginal likelihood times the scales' prior, but for a constant; −∞ where it cannot be told."""
    gradient: Floats
    """Its derivative by the scales, shape (S,); NaN where it was not asked for."""


@dataclass(frozen=True, eq=False)
class Linearised:
    """A model about one vector of parameters."""

    model: ValleyModel
    """The model."""
    beta: Floats
    """b0, shape (P,)."""
    at: Prediction
    """What the model says there."""
    tails: Floats
    """ω of each cell, shape (n,)."""
    repeated: Floats
    """See `ValleyModel.variances`, shape (n,)."""

    @property
    def theta(self) -> ValleyTheta:
        """The named parameters there."""
        return ValleyTheta(*self.beta[self.model.blocks["fixed"]])

    @cached_property
    def _target(self) -> Floats:
        """The losses that the parameters alone are to explain, shape (n,)."""
        return np.asarray(self.model.loss - self.at.loss + self.at.rows.times(self.beta))

    def solve(self, scales: Floats, *, slopes: bool = True) -> Solved:
        """Solve for scales (S,); without `slopes` the gradient, which costs as much as the rest, is left out."""
        named = Scales(*scales)
        by_noise, by_misfit = self.model.variances(named, self.at.height, self.repeated)
        variance = by_noise + by_misfit
        mean, precision, rises, moves = prior(self.model, named, self.theta)
        weights = self.tails / variance
        rows, target, row = self.at.rows, self._target, self.at.off_row
        normal, slope = rows.normal(weights, target)
        np.einsum("pp->p", normal)[:] += precision
        additive, rise = additive_prior(self.model, named)
        goal = float(row @ self.beta) - self.at.off
        normal += additive * np.outer(row, row)
        scale = 1 / np.sqrt(normal.diagonal())
        scales_of = scale[:, None] * scale
        lower, failed = dpotrf(normal * scales_of, lower=True)
        if failed:
            return Solved(self.beta, np.full_like(normal, np.nan), -np.inf, np.zeros(len(scales)))
        inverse = dpotri(lower, lower=True)[0]  # its lower triangle; zero above
        covariance = np.where(inverse == 0, inverse.T, inverse) * scales_of
        beta = covariance @ (slope + precision * mean + additive * goal * row)
        residual = target - rows.times(beta)
        informed = precision > 0
        off = (beta - mean) ** 2 * precision
        tied = additive * (goal - float(row @ beta)) ** 2
        of_scales, of_scales_gradient = log_prior(scales)
        log_determinant = 2 * float(np.log(lower.diagonal()).sum() - np.log(scale).sum())
        evidence = -0.5 * (
            float(np.log(variance).sum())
            - float(np.log(precision[informed]).sum())
            + log_determinant
            + float(weights @ residual**2)
            + float(off.sum())
            + tied
            - float(np.log(additive))
        )
        if not slopes:
            return Solved(beta, covariance, evidence + of_scales, np.full(len(scales), np.nan))
        # d ln v by the two scales of the noise; of the rest, d ln d and d μ by scale.
        excess = 1 - weights * residual**2 - weights * rows.spread(covariance)
        gradient = 0.5 * rises @ (informed - off - precision * covariance.diagonal())
        gradient += moves @ (precision * (beta - mean))
        for name, part in (("noise", by_noise), ("misfit", by_misfit)):
            gradient[_NAMES.index(name)] -= float((part / variance) @ excess)
        for name in ("additive", "misfit"):
            gradient[_NAMES.index(name)] += 0.5 * rise * (1 - tied - additive * float(row @ covariance @ row))
        return Solved(beta, covariance, evidence + of_scales, gradient + of_scales_gradient)


def linearise(model: ValleyModel, beta: Floats, scales: Floats, repeated: Floats) -> Linearised:
    """A model about parameters (P,), with the weights that its residuals have there."""
    at = model.predict(beta)
    variance = np.add(*model.variances(Scales(*scales), at.height, repeated))
    return Linearised(model, beta, at, tail_weights(model.loss - at.loss, variance), repeated)


def tail_weights(residual: Floats, variance: Floats) -> Floats:
    """ω (n,) of residuals with variances (n,)."""
    return np.asarray((TAILS + 1) / (TAILS + residual**2 / variance))

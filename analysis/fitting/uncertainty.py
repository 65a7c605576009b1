"""The joint covariance of all estimators' parameters, by source of noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.fitting import interval
from analysis.fitting.estimators import Estimator, blocks

Floats = NDArray[np.float64]


def _empty(*shape: int) -> Floats:
    return np.zeros(shape)


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Joint covariance of the parameters. Shape legend: J sources of noise, P parameters of all estimators."""

    variances: Floats = field(default_factory=lambda: _empty(0))
    """Of the losses, by source, shape (J,)."""
    covariances: Floats = field(default_factory=lambda: _empty(0, 0, 0))
    """Of the parameters for unit variance of each source, shape (J, P, P)."""
    prior: Floats = field(default_factory=lambda: _empty(0, 0))
    """The priors' share, shape (P, P)."""
    inverse: Floats = field(default_factory=lambda: _empty(0, 0))
    """See `interval.NoiseSources`, shape (J, J)."""
    spread: Floats = field(default_factory=lambda: _empty(0, 0))
    """See `interval.NoiseSources`, shape (J, J)."""

    @classmethod
    def of(cls, estimators: Sequence[Estimator], noise: interval.NoiseSources | None) -> Uncertainty:
        """From the estimators' influences on the runs; empty where there is nothing to go by."""
        if not estimators or noise is None:
            return cls()
        covariances = noise.propagate(np.vstack([e.influence for e in estimators]))
        prior = np.zeros(covariances.shape[1:])
        for estimator, block in zip(estimators, blocks(estimators), strict=True):
            prior[block, block] = estimator.prior_covariance
        return cls(noise.variances, covariances, prior, noise.inverse, noise.spread)

    @cached_property
    def total(self) -> Floats:
        """Covariance of the parameters, shape (P, P)."""
        return np.asarray(np.tensordot(self.variances, self.covariances, 1) + self.prior)

    def variance(self, gradient: Floats) -> tuple[Floats, Floats]:
        """Variance and degrees of freedom, (T,), of answers with gradients (T, P) in the parameters."""
        by_source = np.einsum("tp,jpq,tq->tj", gradient, self.covariances, gradient)
        fixed = np.einsum("tp,pq,tq->t", gradient, self.prior, gradient)
        freedom = interval.degrees_of_freedom(by_source, fixed, self.variances, self.inverse, self.spread)
        return by_source @ self.variances + fixed, freedom

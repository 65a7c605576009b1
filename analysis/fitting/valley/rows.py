"""The derivatives of the cells' losses by the parameters, and the products with them that a fit takes.

A cell belongs to one budget and to a size or two: of the effects of budgets and sizes few touch it. Small tables are
quickest as one matrix all the same; where there are many cells, what is zero is left out.
Shape legend as in `model`; E effects of budgets and sizes, R of them at most that touch one cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]


class Rows(Protocol):
    """d loss / d parameters of n cells, in products."""

    def normal(self, weights: Floats, values: Floats) -> tuple[Floats, Floats]:
        """J' W J, shape (P, P), and J' W v, shape (P,), for weights and values (n,)."""

    def times(self, beta: Floats) -> Floats:
        """J b, shape (n,), for parameters (P,)."""

    def spread(self, covariance: Floats) -> Floats:
        """The diagonal of J A J', shape (n,), for a symmetric A (P, P)."""


@dataclass(frozen=True, eq=False)
class Whole:
    """As one matrix; see `Rows`."""

    matrix: Floats
    """Shape (n, P)."""

    def normal(self, weights: Floats, values: Floats) -> tuple[Floats, Floats]:
        """See `Rows`."""
        weighted = self.matrix.T * weights
        return weighted @ self.matrix, weighted @ values

    def times(self, beta: Floats) -> Floats:
        """See `Rows`."""
        return np.asarray(self.matrix @ beta)

    def spread(self, covariance: Floats) -> Floats:
        """See `Rows`."""
        return np.asarray(((self.matrix @ covariance) * self.matrix).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Sparse:
    """As a matrix of what touches every cell, and a list for each cell of the effects that touch it; see `Rows`."""

    common: Floats
    """By the parameters that touch every cell, the first P − E, shape (n, P − E)."""
    places: NDArray[np.int64]
    """Which effects touch a cell, shape (n, R); any where fewer do."""
    values: Floats
    """Derivatives by these, shape (n, R); zero where fewer do."""
    effects: int
    """E."""

    @cached_property
    def _listed(self) -> csr_array:
        n, most = self.places.shape
        ends = np.arange(0, n * most + 1, most)
        return csr_array((self.values.ravel(), self.places.ravel(), ends), shape=(n, self.effects))

    @cached_property
    def _pairs(self) -> tuple[NDArray[np.int64], Floats]:
        """Places in (E, E) of all pairs of effects that touch a cell, and their derivatives' products; (n, R²) both."""
        pairs = self.places[:, :, None] * self.effects + self.places[:, None, :]
        products = self.values[:, :, None] * self.values[:, None, :]
        return pairs.reshape(len(pairs), -1), products.reshape(len(pairs), -1)

    def normal(self, weights: Floats, values: Floats) -> tuple[Floats, Floats]:
        """See `Rows`."""
        weighted, listed = self.common * weights[:, None], self._listed.T
        across = listed @ weighted
        pairs, products = self._pairs
        among = np.bincount(pairs.ravel(), (products * weights[:, None]).ravel(), self.effects**2)
        square = [[weighted.T @ self.common, across.T], [across, among.reshape(self.effects, self.effects)]]
        return np.block(square), np.concatenate([values @ weighted, listed @ (weights * values)])

    def times(self, beta: Floats) -> Floats:
        """See `Rows`."""
        first = self.common.shape[1]
        return np.asarray(self.common @ beta[:first] + self._listed @ beta[first:])

    def spread(self, covariance: Floats) -> Floats:
        """See `Rows`."""
        first = self.common.shape[1]
        mixed = self.common @ covariance[:first, :first] + 2 * (self._listed @ covariance[first:, :first])
        pairs, products = self._pairs
        among = np.ascontiguousarray(covariance[first:, first:]).ravel()[pairs]
        return np.asarray((mixed * self.common).sum(axis=1) + (among * products).sum(axis=1))

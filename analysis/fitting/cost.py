"""TokenCost: training FLOPs per token as a function of the model size, which ties N*, D* and C."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.records import LawError
from analysis.table.table import RunTable

Floats = NDArray[np.float64]

MATMUL_FLOPS = 6.0
"""FLOPs a parameter and token of forward and backward pass (Kaplan et al. 2020, section 2.1): the limit of k at
large N, where attention no longer counts."""
STEEPEST = 0.8
"""|d ln k / d ln N| is held below this, so that F(N) always rises with N."""


@dataclass(frozen=True)
class TokenCost:
    """F(N) through nodes: monotone cubic interpolation of k = F/N in ln N; beyond them k − 6 goes on as a power law."""

    log_params: tuple[float, ...]
    """ln N of the nodes, ascending."""
    log_flops: tuple[float, ...]
    """ln F of the nodes, F in training FLOPs a token."""

    def __post_init__(self) -> None:
        """Raise LawError unless the nodes are finite and ascend in both."""
        steps = np.diff(self.log_params)
        if len(self.log_params) != len(self.log_flops) or len(self.log_params) == 0:
            raise LawError("a token cost needs as many ln F as ln N, at least one of each")
        if not np.isfinite([*self.log_params, *self.log_flops]).all() or (steps <= 0).any():
            raise LawError("the nodes of a token cost must be finite and ascend in N")
        if (np.diff(self.log_flops) <= 0).any():
            raise LawError("FLOPs a token must rise with N")

    @classmethod
    def constant(cls, k: float) -> TokenCost:
        """F = k · N."""
        if not (np.isfinite(k) and k > 0):
            raise LawError(f"FLOPs a parameter and token must be positive, not {k}")
        return cls((0.0,), (float(np.log(k)),))

    @classmethod
    def from_nodes(cls, params: Sequence[float], flops_per_token: Sequence[float]) -> TokenCost:
        """Nodes in natural units, in any order; sizes given more than once are averaged."""
        order = np.log(np.asarray(params, dtype=float))
        values = np.log(np.asarray(flops_per_token, dtype=float))
        sizes, inverse = np.unique(np.round(order, 9), return_inverse=True)
        means = np.bincount(inverse, values) / np.bincount(inverse)
        return cls(tuple(map(float, sizes)), tuple(map(float, means)))

    @classmethod
    def from_table(cls, table: RunTable) -> TokenCost:
        """Fit k(N) = C/(N D) of a table's runs: constant, or 6 + c · N^−e where k falls clearly with N."""
        if not table.tokens_given:
            return cls.constant(MATMUL_FLOPS)
        log_n = np.log(table.params)
        k = table.flops / (table.params * table.tokens)
        if not (k > MATMUL_FLOPS).all() or float(np.std(np.log(k))) < 2e-3:
            return cls.constant(float(np.exp(np.median(np.log(k)))))
        slope, offset = np.polyfit(log_n, np.log(k - MATMUL_FLOPS), 1)
        if slope >= -0.02:
            return cls.constant(float(np.exp(np.median(np.log(k)))))
        nodes = np.linspace(log_n.min(), log_n.max(), 9)
        fitted = np.log(MATMUL_FLOPS + np.exp(offset + slope * nodes))
        return cls(tuple(map(float, nodes)), tuple(map(float, nodes + fitted)))

    def flops_per_token(self, params: ArrayLike) -> Any:
        """F(N), training FLOPs a token, of the shape of `params`."""
        log_n = np.log(np.asarray(params, dtype=float))
        out = np.exp(log_n + self.log_k(log_n))
        return float(out) if out.ndim == 0 else out

    def tokens(self, flops: ArrayLike, params: ArrayLike) -> Any:
        """D = C / F(N)."""
        return np.asarray(flops, dtype=float) / self.flops_per_token(params)

    def log_k(self, log_n: Floats) -> Floats:
        """ln(F/N) at ln N."""
        return self._log_k_and_slope(log_n)[0]

    def slope(self, log_n: Floats) -> Floats:
        """d ln F / d ln N at ln N; 1 where k is constant."""
        return 1 + self._log_k_and_slope(log_n)[1]

    @cached_property
    def _nodes(self) -> tuple[Floats, Floats]:
        log_n = np.asarray(self.log_params)
        return log_n, np.asarray(self.log_flops) - log_n

    @cached_property
    def _interpolator(self) -> Any:
        from scipy.interpolate import PchipInterpolator

        return PchipInterpolator(*self._nodes)

    def _log_k_and_slope(self, log_n: Floats) -> tuple[Floats, Floats]:
        log_n = np.asarray(log_n, dtype=float)
        nodes, values = self._nodes
        if len(nodes) == 1:
            return np.full_like(log_n, values[0]), np.zeros_like(log_n)
        inside = np.clip(log_n, nodes[0], nodes[-1])
        log_k = np.asarray(self._interpolator(inside))
        slope = np.asarray(self._interpolator(inside, 1))
        for beyond, end in ((log_n < nodes[0], 0), (log_n > nodes[-1], -1)):
            if beyond.any():
                log_k[beyond], slope[beyond] = self._extrapolate(log_n[beyond], end)
        return log_k, slope

    def _extrapolate(self, log_n: Floats, end: int) -> tuple[Floats, Floats]:
        """Beyond a node, k − 6 follows the power law of the outermost two; constant where k does not fall to 6."""
        nodes, values = self._nodes
        excess = np.exp(values) - MATMUL_FLOPS
        first, second = (0, 1) if end == 0 else (-2, -1)
        if excess[first] <= 0 or excess[second] <= 0 or excess[second] >= excess[first]:
            return np.full_like(log_n, values[end]), np.zeros_like(log_n)
        power = np.log(excess[second] / excess[first]) / (nodes[second] - nodes[first])
        power = max(float(power), -STEEPEST)
        grown = excess[end] * np.exp(power * (log_n - nodes[end]))
        k = MATMUL_FLOPS + grown
        return np.log(k), power * grown / k

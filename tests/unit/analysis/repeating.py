"""Simulated sweeps whose cells are trained with several numbers of passes over their tokens, of known R*."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.fitting.cost import TokenCost
from analysis.table.table import RunTable

Floats = NDArray[np.float64]

COST = TokenCost.constant(6.0)
FLOOR, A, B, POWER = 1.5, 30.0, 105.0, 0.33
"""E + A/N^α + B/D^α, with the losses of a two-core sweep."""


def loss(params: Floats, tokens: Floats) -> Floats:
    return np.asarray(FLOOR + A / params**POWER + B / tokens**POWER)


def filled(tokens: Floats) -> Floats:
    """The size for which tokens are compute-optimal: where α A/N^α = α B/D^α."""
    return tokens * (A / B) ** (1 / POWER)


def worth(amount: Floats, unique: Floats, rate: float) -> Floats:
    """Equation 5 of Muennighoff et al. 2023."""
    repeats = np.maximum(amount / unique - 1, 0)
    return np.asarray(np.minimum(amount, unique) + unique * rate * (1 - np.exp(-repeats / rate)))


def repeating(
    tokens_worth: float,
    params_worth: float,
    *,
    passes: tuple[float, ...] = (1, 2, 4, 8),
    noise: float = 0.01,
    seed: int = 0,
    budgets: tuple[float, ...] = (4e10, 8e10, 1.6e11),
    sizes: int = 5,
) -> pd.DataFrame:
    """A grid about the best sizes, each cell with several numbers of passes."""
    generator = np.random.default_rng(seed)
    rows = []
    for flops in budgets:
        best = np.sqrt(flops / 6 * (A / B) ** (1 / POWER))
        for params in best * np.geomspace(1 / 3, 3, sizes):
            tokens = flops / 6 / params
            for epochs in passes:
                unique = tokens / epochs
                n = worth(params, filled(unique), params_worth) / worth(params, filled(tokens), params_worth) * params
                reached = float(loss(n, worth(tokens, unique, tokens_worth))) + generator.normal(0, noise)
                rows.append((flops, flops, params, tokens, unique, reached))
    return pd.DataFrame(rows, columns=["flops", "budget", "params", "tokens", "unique_tokens", "loss"])


def table(tokens_worth: float = 5.0, params_worth: float = 3.0, **options: object) -> RunTable:
    """`repeating` as a RunTable."""
    return RunTable.from_frame(repeating(tokens_worth, params_worth, **options))  # type: ignore[arg-type]

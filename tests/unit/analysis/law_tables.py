"""Simulated sweeps with a known truth, for the tests of laws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.fitting.cost import TokenCost
from analysis.table.table import RunTable

Floats = NDArray[np.float64]
Truth = Callable[[Floats, Floats], Floats]

SMALL_COST = TokenCost.from_nodes([2e4, 4e4, 8e4, 1.6e5, 3e5], [1.42e5, 2.74e5, 5.32e5, 1.04e6, 1.92e6])
"""Attention and head counted: k falls from 7.1 to 6.4, as in a two-core sweep."""


def hoffmann(params: Floats, tokens: Floats) -> Floats:
    """Hoffmann et al. 2022, equation 10."""
    return 1.69 + 406.4 / params**0.34 + 410.7 / tokens**0.28


def small(params: Floats, tokens: Floats) -> Floats:
    """A surface with the losses of a two-core sweep: 3.4 to 4.2 nats."""
    return 1.5 + 30 / params**0.33 + 105 / tokens**0.33


def asymmetric(params: Floats, tokens: Floats) -> Floats:
    return 1.7 + 1500 / params**0.42 + 330 / tokens**0.27


def skewed(params: Floats, tokens: Floats) -> Floats:
    """The joint-skew surface, in neither of the other families."""
    log_c = np.log(6 * params * tokens / 1e19)
    u = np.log(params / 2.3e8) - 0.45 * log_c
    return 1.7 + 1.3 * np.exp(-0.15 * log_c) * (0.25 * np.exp(-0.5 * u) + 0.5 * np.exp(0.25 * u)) / 0.75


def skaling(params: Floats, tokens: Floats) -> Floats:
    """Videau 2026."""
    return 1.6 + (20 / params**0.2 + 60 / tokens**0.22) ** 1.5


def best(truth: Truth, flops: float, cost: TokenCost) -> tuple[float, float]:
    """N* and L* of a truth at one budget, by a fine scan."""
    centre = 0.5 * np.log(flops / 6)
    params = np.exp(np.linspace(centre - 6, centre + 4, 40001))
    losses = truth(params, flops / cost.flops_per_token(params))
    at = int(np.argmin(losses))
    return float(params[at]), float(losses[at])


def sweep(
    truth: Truth = hoffmann,
    budgets: tuple[float, ...] = (1e18, 3e18, 1e19, 3e19, 1e20),
    *,
    sizes: int = 7,
    span: float = 4.0,
    off_centre: float = 1.0,
    noise: float = 0.003,
    cost: TokenCost | None = None,
    seed: int = 0,
    repeats: int = 1,
) -> pd.DataFrame:
    """A grid around each budget's optimum with independent noise; `repeats` seeds of the middle cells of the ends."""
    generator = np.random.default_rng(seed)
    cost = cost or TokenCost.constant(6.0)
    rows = []
    for flops in budgets:
        centre = best(truth, flops, cost)[0] * off_centre
        for index, params in enumerate(centre * np.geomspace(1 / span, span, sizes)):
            ends = flops in (budgets[0], budgets[-1]) and index == sizes // 2
            for repeat in range(repeats if ends else 1):
                tokens = flops / cost.flops_per_token(params)
                loss = float(truth(np.array([params]), np.array([tokens]))[0]) + generator.normal(0, noise)
                rows.append({"flops": flops, "params": params, "tokens": tokens, "loss": loss, "seed": repeat})
    return pd.DataFrame(rows)


def table(**options: object) -> RunTable:
    """`sweep` as a RunTable."""
    return RunTable.from_frame(sweep(**options))  # type: ignore[arg-type]


def grid(budgets: Floats | None = None, span: float = 4.0, sizes: int = 7) -> tuple[Floats, Floats, Floats]:
    """FLOPs, parameters, tokens of a grid centred on 20 tokens a parameter."""
    budgets = np.geomspace(1e18, 1e20, 5) if budgets is None else budgets
    flops = np.repeat(budgets, sizes)
    params = np.sqrt(flops / 6 / 20) * np.tile(np.geomspace(1 / span, span, sizes), len(budgets))
    return flops, params, flops / 6 / params

"""The simulated worlds of coverage: a surface, a grid of runs and a noise each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from benchmarks.truths import (
    Floats,
    Truth,
    additive,
    changing_slope,
    drifting,
    far_misfit,
    irreducible,
    irreducible_small,
    joint_skew,
    skaling,
    small,
)

SEVEN = tuple(float(budget) for budget in 10 ** np.linspace(17, 20, 7))
"""Seven budgets, training FLOPs."""
FOUR = tuple(1e23 / 3.0**at for at in (3, 2, 1, 0))
"""Four large budgets."""
NEIGHBOURS = 0.5
"""Correlation of the residuals of neighbouring sizes, where they are correlated."""
ALONG, SHARED = 3.0, 2.0
"""Standard deviation of correlated residuals over that of the independent ones: of one budget, of all budgets."""


@dataclass(frozen=True)
class World:
    """One simulated world."""

    name: str
    """What the table calls it."""
    truth: Truth
    """Its losses without noise."""
    correct: str
    """The estimator whose form is that of the truth; empty where none is."""
    noise: str = "iid"
    """iid | heavy (tails and outliers) | size or budget (shared by the runs of one) | along or bump (correlated
    along N: in each budget anew, or the same in all)."""
    sigma: float = 0.003
    """Standard deviation of each source of noise, nats."""
    span: float = 4.0
    """Sizes reach from the centre ÷ span to × span."""
    budgets: tuple[float, ...] = (1e18, 10**18.5, 1e19, 10**19.5, 1e20)
    """Training FLOPs."""
    sizes: int = 7
    """Sizes of each budget, an odd number."""


WORLDS = (
    World("iid", additive, "additive"),
    World("heavy tails, 5 % outliers", additive, "additive", "heavy"),
    World("budget offset and tilt", additive, "additive", "budget"),
    World("size offset", additive, "additive", "size"),
    World("sizes ±8×", additive, "additive", span=8.0),
    World("truth: joint skew", joint_skew, "joint_skew"),
    World("truth: strongly skewed", partial(joint_skew, a=0.42, p=0.25, q=0.5), "joint_skew"),
    World("truth: Skaling", skaling, "skaling"),
    World("truth: drifting exponents", drifting, "additive"),
    World("joint skew, size offset", joint_skew, "joint_skew", "size"),
    World("three small budgets", small, "additive", sigma=0.01, span=3.4, budgets=(1e11, 3e11, 1e12)),
    World("far misfit", far_misfit, "", sigma=0.009, span=8.0, sizes=11),
    World("far misfit, seven budgets", far_misfit, "", sigma=0.009, span=8.0, sizes=11, budgets=SEVEN),
    World("correlated residuals", additive, "additive", "along"),
    World("correlated residuals, seven budgets", additive, "additive", "along", budgets=SEVEN),
    World("bump in N that all budgets share", additive, "additive", "bump"),
    World("a slope that changes", changing_slope, ""),
    World("a slope that changes, seven budgets", partial(changing_slope, centre=10**18.5), "", budgets=SEVEN),
    World("mostly irreducible, four large budgets", irreducible, "additive", budgets=FOUR),
    World("mostly irreducible", irreducible_small, "additive", sigma=0.01),
)
"""The worlds of the table."""


def optimum(truth: Truth, flops: float) -> tuple[float, float]:
    """ln N* and L* by a fine scan."""
    log_n = 0.5 * np.log(flops / 6) + np.linspace(-5, 3, 40001)
    losses = truth(np.exp(log_n), flops / 6 / np.exp(log_n))
    return float(log_n[np.argmin(losses)]), float(losses.min())


def grid(world: World) -> pd.DataFrame:
    """The sizes of one ladder around the optimum of each budget."""
    half = world.sizes // 2
    step = np.log(world.span) / half
    middle = world.budgets[len(world.budgets) // 2]
    centre = optimum(world.truth, middle)[0]
    rows = []
    for flops in world.budgets:
        rung = round((centre + 0.5 * np.log(flops / middle)) / step)
        sizes = np.exp((rung + np.arange(-half, half + 1)) * step)
        rows += [(flops, params, flops / 6 / params) for params in sizes]
    return pd.DataFrame(rows, columns=["flops", "params", "tokens"])


def noise(world: World, frame: pd.DataFrame, generator: np.random.Generator) -> Floats:
    """Independent noise, and that which runs of the world share, each with the standard deviation stated above."""
    sigma, runs = world.sigma, len(frame)
    out = generator.normal(0, sigma, runs)
    if world.noise == "heavy":
        out = sigma * 1.2 * generator.standard_t(3, runs) / np.sqrt(3)
        outliers = generator.random(runs) < 0.05
        out[outliers] += 6 * sigma * generator.choice([-1, 1], outliers.sum())
    if world.noise == "size":
        out += (
            frame.groupby(np.log(frame.params).round(4)).ngroup().map(dict(enumerate(generator.normal(0, sigma, runs))))
        )
    if world.noise == "budget":
        for rows in frame.groupby("flops").indices.values():
            u = np.log(frame.params.to_numpy()[rows])
            out[rows] += generator.normal(0, sigma) + generator.normal(0, sigma) * (u - u.mean()) / u.std()
    if world.noise == "along":
        for rows in frame.groupby("flops").indices.values():
            out[rows] += ALONG * sigma * correlated(len(rows), generator)
    if world.noise == "bump":
        rungs = frame.groupby(np.log(frame.params).round(4)).ngroup().to_numpy()
        out += SHARED * sigma * correlated(int(rungs.max()) + 1, generator)[rungs]
    return np.asarray(out)


def correlated(count: int, generator: np.random.Generator) -> Floats:
    """Values of unit variance along a ladder of sizes, each correlated with its neighbours, less with those beyond."""
    values = generator.normal(0, 1, count)
    for at in range(1, count):
        values[at] = NEIGHBOURS * values[at - 1] + np.sqrt(1 - NEIGHBOURS**2) * values[at]
    return values

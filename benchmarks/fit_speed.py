"""How fast and how exact the fits are, beside SciPy in the same run: python benchmarks/fit_speed.py [chinchilla.csv]

With the published Chinchilla points it repeats Besiroglu et al.'s approach 3; without, a simulated table of 240 runs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

from analysis import surface
from analysis.approach3 import DELTA, bootstrap_approach3, fit_approach3, reweigh_approach3
from analysis.law import fit
from analysis.surface import Origin
from analysis.table import RunTable

Floats = NDArray[np.float64]
DRAWS = 4000
SAMPLE = 12
"""SciPy fits timed; the rest is extrapolated."""


def best_of(repeats: int, action: Callable[[], Any]) -> tuple[float, Any]:
    """Shortest wall time of some repeats, seconds, and the result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = action()
        times.append(time.perf_counter() - start)
    return min(times), result


def simulated(budgets: int, sizes: int, noise: float) -> RunTable:
    """Hoffmann et al.'s surface with noise, budgets 1e18 to 1e20, sizes ±4×."""
    flops = np.repeat(np.geomspace(1e18, 1e20, budgets), sizes)
    params = np.sqrt(flops / 120) * np.tile(np.geomspace(0.25, 4, sizes), budgets)
    tokens = flops / 6 / params
    loss = 1.69 + 406.4 / params**0.34 + 410.7 / tokens**0.28 + np.random.default_rng(0).normal(0, noise, len(flops))
    return RunTable.from_frame(pd.DataFrame({"flops": flops, "params": params, "tokens": tokens, "loss": loss}))


def scipy_objective(runs: RunTable, weights: Floats) -> Callable[[Floats], tuple[float, Floats]]:
    """Approach 3's objective and gradient for SciPy's BFGS."""
    x, y, z = np.log(runs.params), np.log(runs.tokens), np.log(runs.loss)

    def objective(theta: Floats) -> tuple[float, Floats]:
        a, b, e, alpha, beta = theta
        terms = np.stack([a - alpha * x, b - beta * y, np.full_like(x, e)])
        top = terms.max(axis=0)
        shares = np.exp(terms - top)
        total = shares.sum(axis=0)
        residual = z - np.log(total) - top
        size = np.abs(residual)
        value = np.where(size <= DELTA, size**2 / 2, DELTA * (size - DELTA / 2))
        score = -weights * np.clip(residual, -DELTA, DELTA) * shares / total
        gradient = [score[0].sum(), score[1].sum(), score[2].sum(), -(score[0] @ x), -(score[1] @ y)]
        return float(weights @ value), np.array(gradient)

    return objective


def approach3(runs: RunTable) -> None:
    """One fit and 4,000 bootstraps against SciPy's BFGS from the same good start."""
    single, found = best_of(5, lambda: fit_approach3(runs))
    floor, a, b, alpha, beta = found.parameters[0]
    print(f"approach 3, {len(runs)} runs: E {floor:.6f} A {a:.3f} B {b:.3f} α {alpha:.7f} β {beta:.7f}")
    print(f"  objective {found.objectives[0]:.13e}, one fit {1e3 * single:.1f} ms")
    many, draws = best_of(1, lambda: bootstrap_approach3(runs, DRAWS))
    low, high = np.percentile(draws.exponents, [2.5, 97.5])
    print(f"  {DRAWS} bootstraps {many:.2f} s; exponent of N* {found.exponents[0]:.3f} [{low:.3f}, {high:.3f}]")
    generator = np.random.default_rng(1)
    weights = generator.multinomial(len(runs), np.full(len(runs), 1 / len(runs)), SAMPLE).astype(float)
    start = np.array([np.log(a), np.log(b), np.log(floor), alpha, beta])
    ours = reweigh_approach3(runs, weights).objectives

    def scipy() -> list[float]:
        options = {"gtol": 1e-10, "maxiter": 2000}
        return [
            float(minimize(scipy_objective(runs, row), start, jac=True, method="BFGS", options=options).fun)
            for row in weights
        ]

    seconds, theirs = best_of(1, scipy)
    worse = float(np.max(ours / np.array(theirs) - 1))
    as_many = DRAWS * seconds / SAMPLE
    print(f"  SciPy BFGS {as_many:.0f} s for as many ({SAMPLE} timed): ×{as_many / many:.0f}")
    print(f"  worst objective over SciPy's − 1: {worse:.1e} (negative: ours is lower)")


def grid() -> None:
    """Every estimator of a 35-run grid, and bootstraps of two surfaces."""
    runs = simulated(5, 7, 0.003)
    seconds, _ = best_of(7, lambda: fit(runs, holdout=False))
    print(f"35 runs: all estimators and their covariance {1e3 * seconds:.0f} ms")
    origin = Origin.of(runs.params, runs.tokens, runs.flops)
    design = origin.design(runs.params, runs.tokens, runs.flops)
    fits = surface.fit_all(design, origin, runs.loss, 0.003)
    picks = np.random.default_rng(2).multinomial(35, np.full(35, 1 / 35), DRAWS).astype(float)
    for name in ("additive", "joint_skew"):
        seconds, _ = best_of(2, partial(surface.bootstrap, fits[name], design, runs.loss, picks, 0.003))
        print(f"  {DRAWS} bootstraps of the {name} surface {seconds:.2f} s")


def main() -> None:
    """Print every figure."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if path is not None:
        runs = RunTable.read_csv(path)
        approach3(runs.select(np.arange(len(runs)) >= 5))
    else:
        approach3(simulated(8, 30, 0.015))
    grid()


if __name__ == "__main__":
    main()

"""How fast and how exact the fits are, each compared with SciPy or a peer in the same run.

    python benchmarks/fit_speed.py [chinchilla.csv] [--peers PYTHON]

Given the points of Hoffmann et al. 2022, figure 4, as Besiroglu et al. 2024 read them off (or `chinchilla.csv` in the
folder ISOFLOP_PUBLISHED_DATA), it repeats their fit; otherwise a simulated table of 240 runs takes their place.
`--peers` names the interpreter of another virtual environment, with the peers of `fit_peers.py`:

    python3.12 -m venv /tmp/peers && /tmp/peers/bin/pip install simple-scaling-laws chinchilla

On a busy machine trust only the ratios and the CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize

from analysis.fitting import surface
from analysis.fitting.approach3 import DELTA, bootstrap_approach3, fit_approach3, reweigh_approach3
from analysis.fitting.surface import Origin, SurfaceFit
from analysis.law import fit
from analysis.table.table import RunTable

Floats = NDArray[np.float64]
"""An array of numbers."""
DRAWS = 4000
"""Bootstraps."""
SAMPLE = 12
"""SciPy fits that are timed; the time of all is extrapolated from them."""
SIGMA = 0.003
"""Noise of the simulated grid, nats."""
TARGET = 1e22
"""FLOPs predicted from the grid: 100 times its largest budget."""
EXACT = np.array([1.817218, 477.826, 2143.417, 0.3473105, 0.3671724])
"""E, A, B, α, β of the optimum at δ = 1e-3 without the first five rows."""
EXACT_OBJECTIVE = 1.0182740178e-3
"""The objective there."""
EPOCH = np.array([1.81686, 482.00572, 2085.4342, 0.34781, 0.36585])
"""The same five as printed in the notebook of Besiroglu et al. 2024, whose joint fit with a scale makes δ vanishingly
small (4.7e-9)."""


class Seconds(NamedTuple):
    """Durations of a piece of work, each the shortest of several repeats."""

    wall: float
    """Seconds on the clock."""
    cpu: float
    """Seconds of the processor, of all threads and child processes."""

    def __format__(self, spec: str) -> str:
        """Both in milliseconds for `ms`, otherwise in seconds with the given format."""
        if spec == "ms":
            return f"{1e3 * self.wall:.0f} ms (CPU {1e3 * self.cpu:.0f} ms)"
        return f"{self.wall:{spec}} s (CPU {self.cpu:{spec}} s)"


def best_of(repeats: int, action: Callable[[], Any]) -> tuple[Seconds, Any]:
    """Shortest durations of several repeats, and the result."""
    times = []
    for _ in range(repeats):
        start, before = time.perf_counter(), processor_seconds()
        result = action()
        times.append((time.perf_counter() - start, processor_seconds() - before))
    return Seconds(*map(min, zip(*times, strict=True))), result


def processor_seconds() -> float:
    """CPU seconds of this process and of the children that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def hoffmann(params: Floats, tokens: Floats) -> Floats:
    """Hoffmann et al. 2022, equation 10."""
    return 1.69 + 406.4 / params**0.34 + 410.7 / tokens**0.28


def simulated(budgets: int, sizes: int, noise: float) -> pd.DataFrame:
    """Runs on that surface with noise: budgets from 1e18 to 1e20, sizes from ÷4 to ×4."""
    flops = np.repeat(np.geomspace(1e18, 1e20, budgets), sizes)
    params = np.sqrt(flops / 120) * np.tile(np.geomspace(0.25, 4, sizes), budgets)
    tokens = flops / 6 / params
    loss = hoffmann(params, tokens) + np.random.default_rng(0).normal(0, noise, len(flops))
    return pd.DataFrame({"flops": flops, "params": params, "tokens": tokens, "loss": loss})


def scipy_objective(runs: RunTable, weights: Floats) -> Callable[[Floats], tuple[float, Floats]]:
    """Approach 3's objective and gradient for SciPy's BFGS."""
    x, y, z = np.log(runs.params), np.log(runs.tokens), np.log(runs.loss)

    def objective(theta: Floats) -> tuple[float, Floats]:
        """Value and gradient at ln A, ln B, ln E, α, β."""
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


def picks(runs: int, draws: int, seed: int) -> Floats:
    """Bootstrap weights, shape (draws, runs)."""
    return np.random.default_rng(seed).multinomial(runs, np.full(runs, 1 / runs), draws).astype(float)


def approach3(runs: RunTable, published: bool) -> None:
    """One fit and all bootstraps, compared with SciPy's BFGS from the same good start."""
    single, found = best_of(5, lambda: fit_approach3(runs))
    floor, a, b, alpha, beta = found.parameters[0]
    print(f"approach 3, Huber δ = {DELTA:g}, {len(runs)} runs: one fit {single:ms}")
    print(f"  E {floor:.6f} A {a:.3f} B {b:.3f} α {alpha:.7f} β {beta:.7f}, objective {found.objectives[0]:.13e}")
    if published:
        off = np.abs(found.parameters[0] / EXACT - 1).max()
        print(f"  off the known optimum by {off:.1e}, its objective by {found.objectives[0] / EXACT_OBJECTIVE - 1:.1e}")
        limit = fit_approach3(runs, delta=4.7e-9).parameters[0]
        print(f"  δ → 0: off Besiroglu et al.'s printed values by {np.abs(limit / EPOCH - 1).max():.1e}")
    many, draws = best_of(2, lambda: bootstrap_approach3(runs, DRAWS))
    low, high = np.percentile(draws.exponents, [2.5, 97.5])
    print(f"  {DRAWS} bootstraps {many:.2f}; exponent of N* {found.exponents[0]:.3f} [{low:.3f}, {high:.3f}]")
    start = np.array([np.log(a), np.log(b), np.log(floor), alpha, beta])
    against_bfgs(runs, start, many)


def against_bfgs(runs: RunTable, start: Floats, all_ours: Seconds) -> None:
    """A sample of the bootstraps by SciPy: its time, and whether its best objective is below ours."""
    weights = picks(len(runs), SAMPLE, 1)
    ours = reweigh_approach3(runs, weights)

    def bfgs(row: Floats, start: Floats) -> float:
        """SciPy's least objective for one bootstrap."""
        options = {"gtol": 1e-10, "maxiter": 2000}
        return float(minimize(scipy_objective(runs, row), start, jac=True, method="BFGS", options=options).fun)

    seconds, theirs = best_of(1, lambda: [bfgs(row, start) for row in weights])
    for at, (floor, a, b, alpha, beta) in enumerate(ours.parameters):
        own = np.array([np.log(a), np.log(b), np.log(floor), alpha, beta])
        theirs[at] = min(theirs[at], bfgs(weights[at], own))
    as_many = DRAWS * seconds.wall / SAMPLE
    print(f"  SciPy BFGS {as_many:.0f} s for as many ({SAMPLE} timed): ×{as_many / all_ours.wall:.0f}")
    print(f"  worst objective over SciPy's best, from there and from ours, − 1: {worst(ours.objectives, theirs):.1e}")


def worst(ours: Floats, theirs: Any) -> float:
    """Largest relative excess of our objectives over theirs."""
    return float(np.max(ours / np.asarray(theirs) - 1))


def grid(runs: RunTable) -> Seconds:
    """Every estimator on the grid, and bootstraps of two surfaces; returns the duration of a fit."""
    seconds, law = best_of(9, lambda: fit(runs, holdout=False))
    whole, _ = best_of(3, lambda: fit(runs))
    print(f"{len(runs)} runs: {len(law.estimators)} estimators with their covariance {seconds:ms}; ", end="")
    print(f"with the rolling hold-out {whole:ms}")
    origin = Origin.of(runs.params, runs.tokens, runs.flops)
    design = origin.design(runs.params, runs.tokens, runs.flops)
    fits = surface.fit_all(design, origin, runs.loss, SIGMA)
    for name in ("additive", "joint_skew"):
        weights = picks(len(runs), DRAWS, 2)
        many, found = best_of(3, partial(surface.bootstrap, fits[name], design, runs.loss, weights, SIGMA))
        print(f"  {DRAWS} bootstraps of the {name} surface {many:.2f}")
        against_least_squares(fits[name], design, runs.loss, weights, found[1], many)
    return seconds


def larger() -> None:
    """A law of more runs, as a large sweep or a whole lab has them."""
    for budgets, sizes in ((10, 15), (40, 45)):
        runs = RunTable.from_frame(simulated(budgets, sizes, SIGMA))
        (bare, _), (whole, _) = best_of(2, partial(fit, runs, holdout=False)), best_of(2, partial(fit, runs))
        print(f"{len(runs)} runs of {budgets} budgets: a fit {bare:ms}; with the rolling hold-out {whole:ms}")


def against_least_squares(
    fitted: SurfaceFit, design: Any, losses: Floats, weights: Floats, objectives: Floats, all_ours: Seconds
) -> None:
    """A sample of those bootstraps by SciPy's least_squares with our analytic Jacobian, from the same start."""
    mean, precision = surface.priors(fitted.form, losses, SIGMA)
    root = np.sqrt(precision)
    sample = np.linspace(0, DRAWS - 1, SAMPLE * 4).astype(int)

    def solve(row: int) -> float:
        """SciPy's least objective for one bootstrap."""
        w = np.sqrt(weights[row])

        def residual(theta: Floats) -> Floats:
            """Weighted residuals of the losses, then those of the priors."""
            return np.concatenate([w * (losses - fitted.form.value(theta[None], design)[0]), root * (theta - mean)])

        def jacobian(theta: Floats) -> Floats:
            """Their derivatives by the parameters."""
            return np.vstack([-w[:, None] * fitted.form.jacobian(theta[None], design)[1][0], np.diag(root)])

        exact = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
        return float(least_squares(residual, fitted.theta, jacobian, **exact).cost)

    seconds, theirs = best_of(1, lambda: [solve(row) for row in sample])
    as_many = DRAWS * seconds.wall / len(sample)
    print(f"    SciPy least_squares {as_many:.0f} s for as many ({len(sample)} timed): ×{as_many / all_ours.wall:.0f}")
    print(f"    worst objective over SciPy's − 1: {worst(objectives[sample], theirs):.1e}")


def peers(frame: pd.DataFrame, python: str | None) -> None:
    """The same grid and the same question, answered by packages from PyPI."""
    size = np.exp(np.linspace(20, 25, 200_001))
    truth = float(size[np.argmin(hoffmann(size, TARGET / 6 / size))])

    def ask() -> Any:
        """Our answer, with the fit."""
        return fit(RunTable.from_frame(frame), holdout=False).predict(TARGET)

    seconds, ours = best_of(5, ask)
    low, high = ours.params_interval.low, ours.params_interval.high
    print(f"N* at 100×, truth {truth:.3e}: isoflop {ours.params:.3e} [{low:.3e}, {high:.3e}], {seconds:.2f}")
    if python is None:
        print("  peers: not installed, skipped (give their interpreter by --peers)")
        return
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "runs.csv"
        frame.to_csv(table, index=False)
        command = [python, str(Path(__file__).with_name("fit_peers.py")), str(table), repr(TARGET)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, cwd=folder)
    if done.returncode:
        print(f"  peers: {python} failed: {done.stderr.strip().splitlines()[-1]}")
    for line in done.stdout.splitlines():
        ((name, found),) = json.loads(line).items()
        if "error" in found:
            print(f"  {name}: {found['error']}")
            continue
        bounds = "[{:.3e}, {:.3e}]".format(*found["interval"]) if "interval" in found else "no interval"
        print(f"  {name} ({found['what']}): {found['params']:.3e} {bounds}, {found['seconds']:.2f} s", end="")
        print(f" = ×{found['seconds'] / seconds.wall:.0f} of isoflop's")


def command_line(frame: pd.DataFrame, seconds: Seconds) -> None:
    """`isoflop fit --csv` from the start of its process, compared with the fit alone."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "runs.csv"
        frame.to_csv(table, index=False)
        command = [str(Path(sys.executable).with_name("isoflop")), "fit", "--csv", str(table), "-o", "json"]
        wall, _ = best_of(3, partial(subprocess.run, command, capture_output=True, check=True))
        bare, _ = best_of(3, partial(subprocess.run, [sys.executable, "-c", "import pandas, scipy"], check=True))
    print(f"isoflop fit --csv {wall:.2f} from process start")
    print(f"  python with pandas and SciPy alone {bare:.2f}, the fit without hold-out {seconds:.2f}")


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", nargs="?", type=Path, help="chinchilla.csv")
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter with the peers installed")
    options = parser.parse_args()
    folder = os.environ.get("ISOFLOP_PUBLISHED_DATA")
    path = options.csv or (Path(folder) / "chinchilla.csv" if folder else None)
    if path is not None:
        runs = RunTable.read_csv(path)
        approach3(runs.select(np.arange(len(runs)) >= 5), published=True)
    else:
        approach3(RunTable.from_frame(simulated(8, 30, 0.015)), published=False)
    frame = simulated(5, 7, SIGMA)
    seconds = grid(RunTable.from_frame(frame))
    larger()
    command_line(frame, seconds)
    peers(frame, options.peers)


if __name__ == "__main__":
    main()

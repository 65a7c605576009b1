"""Coverage of the headline's interval by simulation: prints the table of coverage.md.

    python -m docs.experiments.coverage --draws 2000 --jobs 2 > docs/experiments/coverage-table.md

For each world, sweeps of known truth are drawn and fitted, and asked for N* and L* at 10 and 100 times the largest
budget. Nothing here is tuned to a world: the surfaces and the noise are stated below.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from analysis.fitting import interval
from analysis.fitting.cost import TokenCost
from analysis.law import fit
from analysis.records import LawError
from analysis.table.table import RunTable
from benchmarks.truths import Floats, Truth, additive, joint_skew, skaling, small

TARGETS = (10, 100)
"""Multiples of the largest budget that are asked for."""
ESTIMATORS = ("additive", "skaling", "joint_skew", "parabola", "cubic", "akima")
"""Estimators that are shown alone."""


def drifting(params: Floats, tokens: Floats) -> Floats:
    """Exponents that change with scale: in none of the fitted families."""
    n, d = np.log(params), np.log(tokens)
    return np.asarray(
        1.75 + np.exp(6 - 0.335 * n - 0.0015 * (n - 19) ** 2) + np.exp(6.1 - 0.29 * d + 0.002 * (d - 22) ** 2)
    )


@dataclass(frozen=True)
class World:
    """One simulated world."""

    name: str
    """What the table calls it."""
    truth: Truth
    """Its losses without noise."""
    correct: str
    """The estimator whose form is that of the truth."""
    noise: str = "iid"
    """Kind of noise: iid | heavy (tails and outliers) | size or budget (shared by the runs of one)."""
    sigma: float = 0.003
    """Standard deviation of each source of noise, nats."""
    span: float = 4.0
    """Sizes reach from the centre ÷ span to × span."""
    budgets: tuple[float, ...] = (1e18, 10**18.5, 1e19, 10**19.5, 1e20)
    """Training FLOPs."""


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
)
"""The worlds of the table."""


def optimum(truth: Truth, flops: float) -> tuple[float, float]:
    """ln N* and L* by a fine scan."""
    log_n = 0.5 * np.log(flops / 6) + np.linspace(-5, 3, 40001)
    losses = truth(np.exp(log_n), flops / 6 / np.exp(log_n))
    return float(log_n[np.argmin(losses)]), float(losses.min())


def grid(world: World) -> pd.DataFrame:
    """Seven sizes of one ladder around the optimum of each budget."""
    step = 2 * np.log(world.span) / 6
    middle = world.budgets[len(world.budgets) // 2]
    centre = optimum(world.truth, middle)[0]
    rows = []
    for flops in world.budgets:
        rung = round((centre + 0.5 * np.log(flops / middle)) / step)
        sizes = np.exp((rung + np.arange(-3, 4)) * step)
        rows += [(flops, params, flops / 6 / params) for params in sizes]
    return pd.DataFrame(rows, columns=["flops", "params", "tokens"])


def noise(world: World, frame: pd.DataFrame, generator: np.random.Generator) -> Floats:
    """Independent noise, and the noise that runs of the world share, each with the same standard deviation."""
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
    return np.asarray(out)


def draw(world: World, seeds: range) -> Floats:
    """Shape (draws, estimators and headline, targets, N* and L*, estimate and half-width); NaN where one refused."""
    frame = grid(world)
    exact = world.truth(frame.params.to_numpy(), frame.tokens.to_numpy())
    t = float(interval.student(len(frame) - 6))
    out = np.full((len(seeds), len(ESTIMATORS) + 1, len(TARGETS), 2, 2), np.nan)
    for index, seed in enumerate(seeds):
        losses = exact + noise(world, frame, np.random.default_rng(seed))
        try:
            law = fit(RunTable.from_frame(frame.assign(loss=losses)), cost=TokenCost.constant(6), holdout=False)
            band = law.band([world.budgets[-1] * multiple for multiple in TARGETS])
        except LawError:
            continue
        for target, prediction in enumerate(band):
            size, loss = prediction.params_interval, prediction.loss_interval
            out[index, -1, target, 0] = np.log(prediction.params), np.log(size.high / size.low) / 2
            out[index, -1, target, 1] = prediction.loss, (loss.high - loss.low) / 2
            for answer in prediction.estimators:
                if answer.estimator in ESTIMATORS:
                    at = ESTIMATORS.index(answer.estimator)
                    assert answer.params and answer.loss and answer.log_params_se is not None
                    assert answer.loss_se is not None
                    out[index, at, target, 0] = np.log(answer.params), t * answer.log_params_se
                    out[index, at, target, 1] = answer.loss, t * answer.loss_se
    return out


def report(world: World, drawn: Floats) -> list[str]:
    """Two rows, N* and L*: coverage at both targets with its lower limit, half-width, score ratio, estimators alone."""
    truth = np.array([optimum(world.truth, world.budgets[-1] * multiple) for multiple in TARGETS])
    error = drawn[..., 0] - truth
    covered = np.abs(error) <= drawn[..., 1]
    score = 2 * drawn[..., 1] + 40 * np.maximum(np.abs(error) - drawn[..., 1], 0)
    answered = np.isfinite(drawn[..., 0])
    rows = []
    for quantity, name in enumerate(("N*", "L*")):
        cells = [world.name, name]
        for target in range(len(TARGETS)):
            rate = float(covered[:, -1, target, quantity].mean())
            half = float(np.nanmedian(drawn[:, -1, target, quantity, 1]))
            correct = float(np.nanmean(score[:, ESTIMATORS.index(world.correct), target, quantity]))
            ratio = float(np.nanmean(score[:, -1, target, quantity])) / correct
            width = f"×{np.exp(half):.3f}" if quantity == 0 else f"±{1e3 * half:.1f}"
            cells += [f"{rate:.3f} ({lower_limit(rate, len(drawn)):.3f})", width, f"{ratio:.2f}"]
        for index in range(len(ESTIMATORS)):
            at = answered[:, index, 1, quantity]
            cells.append(f"{covered[at, index, 1, quantity].mean():.2f}" if at.any() else "–")
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def lower_limit(rate: float, draws: int) -> float:
    """Lower end of Wilson's two-sided 95 % interval of a proportion."""
    z = 1.96
    centre = rate + z * z / (2 * draws)
    return float((centre - z * np.sqrt(rate * (1 - rate) / draws + z * z / (4 * draws**2))) / (1 + z * z / draws))


def main() -> None:
    """Simulate the requested worlds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--worlds", nargs="*", default=[world.name for world in WORLDS])
    options = parser.parse_args()
    targets = [f"{m}×: covered (limit) | half-width | score" for m in TARGETS]
    heads = ["world", "", *targets, *[f"{name} alone" for name in ESTIMATORS]]
    lines = ["| " + " | ".join(heads) + " |", "|---|---|" + "---|" * (6 + len(ESTIMATORS))]
    chunk = max(options.draws // (4 * options.jobs), 1)
    with ProcessPoolExecutor(options.jobs) as pool:
        for world in WORLDS:
            if world.name in options.worlds:
                seeds = [range(at, min(at + chunk, options.draws)) for at in range(0, options.draws, chunk)]
                lines += report(world, np.concatenate(list(pool.map(partial(draw, world), seeds))))
                sys.stderr.write(f"{world.name} done\n")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

"""How often the intervals of data-limited answers cover, by simulation: prints the table of limited-data.md.

    python -m benchmarks.limited_data --sweeps 40 [--laws additive …] [--epochs 0.5 1 …]

For each law, sweeps of known truth are drawn and fitted, and asked for the best model at 1, 10 and 100 times the
largest budget with 2, 1, 1/4, 1/16 and 1/40 of the tokens that its optimum would need. In the truth, repeated tokens
and excess parameters follow Muennighoff et al. 2023 with an R* that is not the published one: both are drawn from the
stated prior, a factor of two either way about it. The truth's best model is found by a dense search.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from analysis.answers.limited import best_with_limited_data
from analysis.fitting.cost import TokenCost
from analysis.law import Law, fit
from analysis.table.table import RunTable
from benchmarks.truths import Floats, Truth, additive, joint_skew, skaling, small

EPOCHS = (0.5, 1.0, 4.0, 16.0, 40.0)
"""Tokens of the unlimited optimum over the limit."""
MULTIPLES = (1.0, 10.0, 100.0)
"""Of the largest budget."""
PUBLISHED = (15.387756, 5.309743)
"""R*_D and R*_N of Muennighoff et al. 2023, appendix A."""
PRIOR_SD = float(np.log(2))
"""Standard deviation of each ln R* about them."""
WORTHS = 40
"""Draws of R* for each sweep."""


@dataclass(frozen=True)
class World:
    """One simulated law."""

    truth: Truth
    """Its losses without noise."""
    budgets: tuple[float, ...] = (1e18, 10**18.5, 1e19, 10**19.5, 1e20)
    """Training FLOPs."""
    sigma: float = 0.003
    """Standard deviation of the noise, nats."""
    span: float = 4.0
    """Sizes reach from the centre ÷ span to × span."""


WORLDS = {
    "additive": World(additive),
    "joint skew": World(joint_skew),
    "strongly skewed": World(partial(joint_skew, a=0.42, p=0.25, q=0.5)),
    "Skaling": World(skaling),
    "three small budgets": World(small, (1e11, 3e11, 1e12), 0.01, 3.4),
}
"""By the name that the table gives them."""


@dataclass(frozen=True)
class Optimum:
    """The truth's best models for K worths of repetition."""

    log_params: Floats
    """ln N, shape (K,)."""
    loss: Floats
    """Shape (K,)."""


def unlimited(truth: Truth, flops: float) -> tuple[float, float]:
    """ln N* and ln D* of a truth by a dense search, with 6 FLOPs a parameter and token."""
    log_n = 0.5 * np.log(flops / 6) + np.linspace(-8, 5, 26001)
    best = float(log_n[np.argmin(truth(np.exp(log_n), flops / 6 / np.exp(log_n)))])
    return best, float(np.log(flops / 6)) - best


def filled(truth: Truth, log_unique: float) -> float:
    """ln of the size for which these tokens are compute-optimal: where the loss is level along constant compute."""
    log_n = log_unique + np.linspace(-12, 6, 18001)
    n, d, step = np.exp(log_n), np.exp(log_unique), 1e-3
    rises = truth(n * np.exp(step), d * np.exp(-step)) - truth(n * np.exp(-step), d * np.exp(step))
    return float(log_n[np.argmax(rises > 0)])


def diminished(amount: Floats, unique: float, worth: Floats) -> Floats:
    """Equation 5 of Muennighoff et al. 2023."""
    repeats = np.maximum(amount / unique - 1, 0)
    return np.asarray(np.minimum(amount, unique) + unique * worth * (1 - np.exp(-repeats / worth)))


def worths(count: int, generator: np.random.Generator) -> Floats:
    """Draws (K, 2) of R*_D and R*_N from the prior."""
    return np.array(PUBLISHED) * np.exp(PRIOR_SD * generator.standard_normal((count, 2)))


def limited(truth: Truth, flops: float, unique: float, worth: Floats) -> Optimum:
    """The truth's best models by a dense search; `worth` (K, 2) has R*_D and R*_N in columns."""
    log_n = unlimited(truth, flops)[0] + np.linspace(-5, 5, 2501)
    full = np.exp(filled(truth, float(np.log(unique))))
    params = diminished(np.exp(log_n), full, worth[:, 1:])
    tokens = diminished(flops / 6 / np.exp(log_n), unique, worth[:, :1])
    losses = truth(params, tokens)
    at = np.argmin(losses, axis=1)
    return Optimum(log_n[at], losses[np.arange(len(at)), at])


def sweep(world: World, generator: np.random.Generator) -> Law:
    """The law of one noisy sweep, seven sizes around the optimum of each budget."""
    rows = []
    for flops in world.budgets:
        sizes = np.exp(unlimited(world.truth, flops)[0]) * np.geomspace(1 / world.span, world.span, 7)
        losses = world.truth(sizes, flops / 6 / sizes) + generator.normal(0, world.sigma, 7)
        rows += [(flops, n, flops / 6 / n, loss) for n, loss in zip(sizes, losses, strict=True)]
    frame = pd.DataFrame(rows, columns=["flops", "params", "tokens", "loss"])
    return fit(RunTable.from_frame(frame), cost=TokenCost.constant(6), holdout=False)


def cell(world: World, laws: list[Law], flops: float, epochs: float, generator: np.random.Generator) -> Floats:
    """N and loss in rows: share of the worths and sweeps covered, and the median half-width (ln N, nats)."""
    unique = float(np.exp(unlimited(world.truth, flops)[1])) / epochs
    covered, halves = np.zeros((2, len(laws), WORTHS), dtype=bool), np.zeros((2, len(laws)))
    for index, law in enumerate(laws):
        answer = best_with_limited_data(law, flops, unique)
        truth = limited(world.truth, flops, unique, worths(WORTHS, generator))
        size, loss = answer.params_interval, answer.loss_interval
        covered[0, index] = (np.log(size.low) <= truth.log_params) & (truth.log_params <= np.log(size.high))
        covered[1, index] = (loss.low <= truth.loss) & (truth.loss <= loss.high)
        halves[:, index] = np.log(size.high / size.low) / 2, (loss.high - loss.low) / 2
    return np.column_stack([covered.mean(axis=(1, 2)), np.median(halves, axis=1)])


def main() -> None:
    """Print two rows for each law and budget: N and the loss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=40)
    parser.add_argument("--laws", nargs="*", default=list(WORLDS), choices=list(WORLDS))
    parser.add_argument("--epochs", nargs="*", type=float, default=EPOCHS)
    options = parser.parse_args()
    print("| law | budget | | " + " | ".join(f"D\\*/U = {epochs:g}" for epochs in options.epochs) + " |")
    print("|---|---|---|" + "---|" * len(options.epochs))
    for name in options.laws:
        world = WORLDS[name]
        laws = [sweep(world, np.random.default_rng(seed)) for seed in range(options.sweeps)]
        for multiple in MULTIPLES:
            flops, generator = multiple * world.budgets[-1], np.random.default_rng(int(multiple))
            cells = [cell(world, laws, flops, epochs, generator) for epochs in options.epochs]
            for row, quantity in enumerate(("N", "loss")):
                width = [f"×{np.exp(c[0, 1]):.2f}" if row == 0 else f"±{1e3 * c[1, 1]:.0f}" for c in cells]
                shown = [f"{c[row, 0]:.3f} ({half})" for c, half in zip(cells, width, strict=True)]
                print(f"| {name} | {multiple:g}× | {quantity} | " + " | ".join(shown) + " |")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

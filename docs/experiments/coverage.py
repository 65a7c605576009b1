"""Coverage of the headline's interval by simulation: prints the table of coverage.md.

    python -m docs.experiments.coverage --draws 2000 --jobs 2 --keep FOLDER --write docs/experiments/coverage.md

For each world, sweeps of known truth are drawn and fitted, and asked for N* and L* at 10 and 100 times the largest
budget. Nothing here is tuned to a world: `benchmarks/worlds.py` states the surfaces and the noise.

The draws of all worlds grow together, and each portion is kept in FOLDER as it ends: whoever stops the command has a
table of what was drawn (`--draws 0`), and the same command goes on from there. A folder is of one method.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

import numpy as np

from analysis.fitting import interval
from analysis.fitting.cost import TokenCost
from analysis.law import fit
from analysis.records import LawError, Prediction
from analysis.table.table import RunTable
from benchmarks.pages import part, write_part
from benchmarks.truths import Floats
from benchmarks.worlds import WORLDS, World, grid, noise, optimum

TARGETS = (10, 100)
"""Multiples of the largest budget that are asked for."""
ESTIMATORS = ("additive", "skaling", "joint_skew", "parabola", "cubic", "akima")
"""Estimators that are shown alone."""
PART = "simulated"
"""Part of a page that has the table."""
PORTION = 100
"""Draws of one world that are made and kept together."""


def draw(world: World, seeds: range) -> Floats:
    """Shape (draws, estimators and headline, targets, N* and L*, estimate and ends); NaN where one refused."""
    frame = grid(world)
    exact = world.truth(frame.params.to_numpy(), frame.tokens.to_numpy())
    t = float(interval.student(len(frame) - 6))
    out = np.full((len(seeds), len(ESTIMATORS) + 1, len(TARGETS), 2, 3), np.nan)
    table = RunTable.from_frame(frame.assign(loss=exact))
    for index, seed in enumerate(seeds):
        losses = exact + noise(world, frame, np.random.default_rng(seed))
        try:
            law = fit(replace(table, loss=losses), cost=TokenCost.constant(6), holdout=False)
            asked = [world.budgets[-1] * multiple for multiple in TARGETS]
            within = law.limits.only(asked)
            found = law.band(within)
        except LawError:
            continue
        for prediction in found:
            out[index, :, asked.index(prediction.flops)] = answers(prediction, t)
    return out


def answers(prediction: Prediction, t: float) -> Floats:
    """The estimators and the headline, N* and L*, estimate and ends, (E + 1, 2, 3); `t` standard errors for those."""
    out = np.full((len(ESTIMATORS) + 1, 2, 3), np.nan)
    size, loss = prediction.params_interval, prediction.loss_interval
    out[-1] = np.log([prediction.params, size.low, size.high]), (prediction.loss, loss.low, loss.high)
    for answer in prediction.estimators:
        if answer.estimator in ESTIMATORS:
            at = ESTIMATORS.index(answer.estimator)
            assert answer.params and answer.loss and answer.log_params_se is not None
            assert answer.loss_se is not None
            around = t * np.array([0, -1, 1])
            out[at] = np.log(answer.params) + around * answer.log_params_se, answer.loss + around * answer.loss_se
    return out


def report(world: World, drawn: Floats) -> list[str]:
    """Two rows, N* and L*: draws, coverage at both targets with its lower limit, half-width, score ratio, and the
    coverage of the estimators alone."""
    truth = np.array([optimum(world.truth, world.budgets[-1] * multiple) for multiple in TARGETS])
    low, high = drawn[..., 1], drawn[..., 2]
    outside = np.maximum(np.maximum(truth - high, low - truth), 0)
    answered = np.isfinite(outside)
    covered, score = outside == 0, high - low + 40 * outside
    rows = []
    for quantity, name in enumerate(("N*", "L*")):
        cells = [world.name, name, str(len(drawn))]
        for target in range(len(TARGETS)):
            at = answered[:, -1, target, quantity]
            rate = float(covered[at, -1, target, quantity].mean()) if at.any() else float("nan")
            half = float(np.nanmedian((high - low)[:, -1, target, quantity])) / 2
            width = f"×{np.exp(half):.3f}" if quantity == 0 else f"±{1e3 * half:.1f}"
            refused = "" if at.all() else f", {100 * (1 - at.mean()):.1f} % refused"
            cells += [f"{rate:.3f} ({lower_limit(rate, int(at.sum())):.3f}{refused})", width]
            cells.append(ratio(score[:, :, target, quantity], world.correct))
        for index in range(len(ESTIMATORS)):
            at = answered[:, index, 1, quantity]
            cells.append(f"{covered[at, index, 1, quantity].mean():.2f}" if at.any() else "–")
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def ratio(score: Floats, correct: str) -> str:
    """The headline's mean score over that of the correct estimator, or where none is, of the best, which is named.

    `score` is (draws, estimators and headline). The best is sought among those that answer in nine draws of ten.
    """
    means = np.array([np.nanmean(column) if np.isfinite(column).mean() > 0.9 else np.inf for column in score.T])
    if correct:
        return f"{means[-1] / means[ESTIMATORS.index(correct)]:.2f}"
    best = int(np.argmin(means[:-1]))
    return f"{means[-1] / means[best]:.2f} ({ESTIMATORS[best]})"


def lower_limit(rate: float, draws: int) -> float:
    """Lower end of Wilson's two-sided 95 % interval of a proportion; NaN without draws."""
    if not draws:
        return float("nan")
    z = 1.96
    centre = rate + z * z / (2 * draws)
    below = z * np.sqrt(rate * (1 - rate) / draws + z * z / (4 * draws**2))
    return max(float((centre - below) / (1 + z * z / draws)), 0.0)


def table(rows: list[str]) -> str:
    """A table of these rows, two a world, in the order of the worlds; a later row replaces an earlier one."""
    targets = [f"{m}×: covered (limit) | half-width | score" for m in TARGETS]
    heads = ["world", "", "draws", *targets, *[f"{name} alone" for name in ESTIMATORS]]
    latest = {tuple(row.split(" | ")[:2]): row for row in rows}
    keys = [(f"| {world.name}", quantity) for world in WORLDS for quantity in ("N*", "L*")]
    lines = ["| " + " | ".join(heads) + " |", "|---|---|" + "---|" * (7 + len(ESTIMATORS))]
    return "\n".join([*lines, *(latest[key] for key in keys if key in latest)])


def portion(folder: Path, world: World, seeds: range) -> Path:
    """The file of some draws of a world."""
    return folder / f"{re.sub('[^a-z0-9]+', '-', world.name.lower()).strip('-')}-{seeds.start:05d}-{seeds.stop:05d}.npy"


def make(folder: Path, world: World, seeds: range) -> str:
    """Draw and keep a portion; what was done, in words."""
    path = portion(folder, world, seeds)
    if not path.exists():
        drawn, beside = draw(world, seeds), path.with_suffix(".part")
        with beside.open("wb") as file:
            np.save(file, drawn)
        beside.rename(path)
    return f"{world.name}: {seeds.start} to {seeds.stop}"


def kept(folder: Path, world: World) -> Floats | None:
    """All draws of a world that a folder has, in the order of their seeds; None without any."""
    any_seeds = portion(folder, world, range(0)).name.replace("00000", "[0-9]*")
    longest = {file.name.rsplit("-", 1)[0]: file for file in sorted(folder.glob(any_seeds))}
    return np.concatenate([np.load(file) for file in longest.values()]) if longest else None


def simulate(folder: Path, worlds: Sequence[World], draws: int, jobs: int) -> None:
    """Draw what the folder lacks of these worlds, a portion of each in turn."""
    portions = [range(at, min(at + PORTION, draws)) for at in range(0, draws, PORTION)]
    with ProcessPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(make, folder, world, seeds) for seeds in portions for world in worlds]):
            sys.stderr.write(f"{done.result()}\n")


def main() -> None:
    """Simulate the requested worlds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--worlds", nargs="*", default=[world.name for world in WORLDS])
    parser.add_argument("--keep", type=Path, help="keep the draws in this folder, and go on from those that are there")
    parser.add_argument("--write", type=Path, help="replace the rows of these worlds in this page's table")
    options = parser.parse_args()
    worlds = [world for world in WORLDS if world.name in options.worlds]
    with tempfile.TemporaryDirectory() as scratch:
        folder: Path = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        simulate(folder, worlds, options.draws, options.jobs)
        rows = [row for world in worlds if (drawn := kept(folder, world)) is not None for row in report(world, drawn)]
    if options.write:
        write_part(options.write, PART, table([*part(options.write, PART).splitlines()[2:], *rows]))
    sys.stdout.write(table(rows) + "\n")


if __name__ == "__main__":
    main()

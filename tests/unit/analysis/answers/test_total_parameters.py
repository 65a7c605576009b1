"""All parameters as a law's second coordinate: the weight of simulated runs is found, and what cannot be told is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.answers.counts import Counts
from analysis.answers.total_parameters import TotalParameters, total_parameters
from analysis.records import LawError
from analysis.table.table import RunTable

TRUTH = {"E": 1.5, "A": 30.0, "B": 60.0, "alpha": 0.28, "beta": 0.3}


def runs(experts: int, weight: float, noise: np.random.Generator, sizes: int = 6) -> tuple[RunTable, Counts]:
    """Three budgets with two seeds a cell; the models of every expert beyond the first have a quarter of N more."""
    rows: list[dict[str, Any]] = []
    for flops in (5e10, 1.2e11, 3e11):
        for factor in np.geomspace(1 / 2.6, 2.6, sizes):
            params = 5e4 * (flops / 3e11) ** 0.48 * factor
            tokens = flops / (6.6 * params)
            size = params * ((1.7 + 0.25 * (experts - 1)) / 1.7) ** weight
            loss = TRUTH["E"] + TRUTH["A"] / size ** TRUTH["alpha"] + TRUTH["B"] / tokens ** TRUTH["beta"]
            rows += [
                {
                    "flops": flops,
                    "params": params,
                    "tokens": tokens,
                    "loss": loss + noise.normal(0, 0.004),
                    "seed": seed,
                }
                for seed in range(2)
            ]
    frame = pd.DataFrame(rows)
    counts = Counts.from_nodes(frame.params, frame.params * (1.7 + 0.25 * (experts - 1)), frame.params / 2)
    return RunTable.from_frame(frame), counts


def found(weight: float, values: tuple[int, ...] = (1, 4, 8), sizes: int = 6) -> TotalParameters:
    noise = np.random.default_rng(3)
    return total_parameters("1", [runs(value, weight, noise, sizes) for value in values])


@pytest.mark.parametrize("weight", [0.0, 0.6])
def test_the_weight_of_the_runs_is_in_its_interval(weight: float) -> None:
    law = found(weight)
    assert law.interval.low < weight < law.interval.high < law.interval.low + 0.06
    assert (law.baseline, law.cells) == ("1", 54) and law.largest_ratio == pytest.approx(3.45 / 1.7)
    assert 0.0003 < law.scatter < 0.0015
    assert law.parameters["E"] == pytest.approx(TRUTH["E"], rel=0.2)
    assert law.parameters["alpha"] == pytest.approx(TRUTH["alpha"], rel=0.3)


def test_the_order_of_the_values_changes_the_ratio_and_not_the_weight() -> None:
    noise = np.random.default_rng(3)
    models = [runs(value, 0.5, noise) for value in (1, 4)]
    one, other = total_parameters("1", models), total_parameters("4", models[::-1])
    assert other.weight == pytest.approx(one.weight, abs=0.02)
    assert one.largest_ratio > 1.4 and other.largest_ratio == pytest.approx(1)


@pytest.mark.parametrize(
    ("values", "sizes", "words"), [((1, 1), 6, "no second coordinate"), ((1, 4), 1, "6 cells; a law of six")]
)
def test_what_cannot_be_told_is_said(values: tuple[int, ...], sizes: int, words: str) -> None:
    with pytest.raises(LawError, match=words):
        found(0.5, values, sizes)

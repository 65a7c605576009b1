"""The sentence about a drifting exponent: only where it drifts, and in the right direction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from analysis.fitting.forms import bent
from analysis.fitting.valley.drift import drift_sentences
from analysis.fitting.valley.posterior import mean_exponent
from analysis.table.table import RunTable
from tests.unit.analysis.fitting.valley.made import falling, learnt
from tests.unit.analysis.law_tables import Floats, Truth, hoffmann, skewed, table

LOW, HIGH = 1e18, 1e21


def rising(params: Floats, tokens: Floats) -> Floats:
    """As `falling`, bent the other way."""
    log_c = np.log(6 * params * tokens / 1e19)
    u = np.log(params / 2.3e8) - 0.5 * bent(np.array(-0.1), log_c)[0]
    return 1.7 + 1.3 * np.exp(-0.155 * log_c) * (0.3 * np.exp(-0.35 * u) + 0.35 * np.exp(0.3 * u)) / 0.65


def sentences(runs: RunTable) -> tuple[str, ...]:
    return drift_sentences(learnt(runs), runs.budgets.tolist())


@pytest.mark.parametrize("truth", [hoffmann, skewed])
def test_a_power_law_has_no_sentence(truth: Truth) -> None:
    assert sentences(table(truth=truth, noise=0.0)) == ()
    found = [sentences(table(truth=truth, seed=seed)) for seed in range(12)]
    assert sum(map(len, found)) <= 1


@pytest.mark.parametrize(("truth", "word"), [(falling, "falls"), (rising, "rises")])
def test_a_bend_is_reported_with_its_direction(truth: Callable[[Floats, Floats], Floats], word: str) -> None:
    budgets = tuple(np.geomspace(LOW, HIGH, 7))
    valley, middle = learnt(table(truth=truth, budgets=budgets, sizes=9, noise=0.001)), np.sqrt(LOW * HIGH)
    (sentence,) = drift_sentences(valley, [LOW, HIGH])
    first = mean_exponent(valley, np.log(LOW), np.log(middle))[0]
    last = mean_exponent(valley, np.log(middle), np.log(HIGH))[0]
    assert f"its exponent {word} from {first:.2f} to {last:.2f} between 10¹⁸ and 10²¹ FLOPs" in sentence
    assert abs(first - last) > 0.05


def test_noise_that_would_hide_it_hides_it() -> None:
    assert sentences(table(truth=falling, noise=0.05)) == ()

"""What runs that repeat tokens count as, and which sizes tokens fill."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.repetition.published import Worth
from analysis.fitting.repetition.runs import Filled, Path, Runs, counted, design_of
from tests.unit.analysis.fitting.repetition.learnt import valley
from tests.unit.analysis.repeating import COST, filled, table, worth

RUNS = Runs.of(table())
WORTH = Worth(np.array([[5.0]]), np.array([[3.0]]))


def test_all_runs_are_there_by_cell() -> None:
    assert len(RUNS.loss) == 60 and len(np.unique(RUNS.cell)) == 15
    assert sorted(set(RUNS.passes.round(6).tolist())) == [1, 2, 4, 8]
    assert len(RUNS.select(RUNS.passes > 3).loss) == 30


def test_the_path_gives_the_size_that_tokens_fill() -> None:
    path = Path.of(RUNS, valley(), COST)
    assert path.at(RUNS.log_unique) == pytest.approx(np.log(filled(np.exp(RUNS.log_unique))), abs=0.5)
    moved = path.at(RUNS.log_unique, np.array([[0.0, 0.0], [1.0, -1.0]]))
    assert moved[0] == pytest.approx(path.at(RUNS.log_unique))
    assert np.abs(moved[1] - moved[0]).max() > 0.01, "what the runs leave open moves it"


def test_fresh_runs_count_as_they_are_and_repeated_ones_as_less() -> None:
    unique, tokens = np.exp(RUNS.log_unique), np.exp(RUNS.log_tokens)
    sizes = Filled(np.log(filled(unique)), np.log(filled(tokens)))
    log_n, log_d = counted(RUNS, sizes, WORTH)
    fresh = RUNS.passes < 1.01
    assert log_n[0, fresh] == pytest.approx(RUNS.log_params[fresh])
    assert log_d[0, fresh] == pytest.approx(RUNS.log_tokens[fresh])
    assert np.exp(log_d[0]) == pytest.approx(worth(tokens, unique, 5.0))
    assert (log_n[0] <= RUNS.log_params + 1e-12).all()
    assert (log_n[0, ~fresh] < RUNS.log_params[~fresh] - 0.01).any()


def test_models_are_centred_as_the_valley_is() -> None:
    at = design_of(RUNS.log_params[None], RUNS.log_tokens[None], valley(), COST)
    assert at.c[0] == pytest.approx(
        at.x[0] + at.y[0] + valley().origin.n + valley().origin.d + np.log(6) - valley().origin.c
    )

"""Each baseline on tables where what it should say is known."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.cost import TokenCost
from analysis.table.table import RunTable
from benchmarks.holdout.baselines import BASELINES, approach_3, closed_form, least_losses, local, parabolas
from benchmarks.holdout.lines import NOTHING
from tests.unit.analysis.law_tables import best, hoffmann, sweep
from tests.unit.benchmarks.holdout.made import bowls

AT = 1e21
LOG_N, LOSS = np.log(2e8 * 10), 1.5 + 1.5 * 100**-0.1
"""Of the bowls at AT."""


def test_parabolas_are_exact_on_parabolas() -> None:
    size, loss = parabolas(RunTable.from_frame(bowls()))(AT)
    assert size.estimate == pytest.approx(LOG_N, abs=1e-8)
    assert loss.estimate == pytest.approx(LOSS, abs=1e-4)


def test_local_minima_do_not_see_runs_far_off_where_parabolas_do() -> None:
    frame = bowls()
    far = np.log(frame.params / (2e8 * (frame.flops / 1e19) ** 0.5)) > 1.2
    frame.loc[far, "loss"] += 0.5
    table = RunTable.from_frame(frame)
    assert local(table)(AT)[0].estimate == pytest.approx(LOG_N, abs=0.01)
    assert abs(parabolas(table)(AT)[0].estimate - LOG_N) > 0.1


def test_least_losses_are_of_sizes_that_were_run() -> None:
    frame = bowls(sizes=5)
    size, _ = least_losses(RunTable.from_frame(frame))(AT)
    nearest = np.geomspace(0.3, 4, 5)[np.argmin(np.abs(np.log(np.geomspace(0.3, 4, 5))))]
    assert size.estimate == pytest.approx(LOG_N + np.log(nearest))


def test_approach_3_is_exact_on_its_own_surface() -> None:
    size, loss = approach_3(RunTable.from_frame(sweep(hoffmann, noise=0)))(AT)
    params, least = best(hoffmann, AT, TokenCost.constant(6.0))
    assert size.estimate == pytest.approx(np.log(params), abs=1e-3)
    assert loss.estimate == pytest.approx(least, abs=1e-4)
    noisy = approach_3(RunTable.from_frame(sweep(hoffmann, noise=0.003)))(AT)
    assert noisy[0].low < noisy[0].estimate < noisy[0].high
    assert noisy[0].high - noisy[0].low > 0.01


def test_the_closed_form_is_the_optimum() -> None:
    own = np.array([[1.69, 406.4, 410.7, 0.34, 0.28]])
    log_n, loss = closed_form(own, AT / 6)
    params, least = best(hoffmann, AT, TokenCost.constant(6.0))
    assert (float(log_n[0]), float(loss[0])) == pytest.approx((np.log(params), least), abs=1e-3)


@pytest.mark.parametrize("name", ["parabola + line", "least losses", "local minima"])
def test_one_budget_is_not_enough(name: str) -> None:
    table = RunTable.from_frame(bowls(budgets=(1e19,)))
    assert BASELINES[name](table)(AT) == (NOTHING, NOTHING)


def test_too_few_runs_for_approach_3_are_no_answer() -> None:
    assert approach_3(RunTable.from_frame(bowls(budgets=(1e19,), sizes=5)))(AT) == (NOTHING, NOTHING)

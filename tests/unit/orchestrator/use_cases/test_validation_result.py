"""What a validation found: rows, scores, and the predicted size next to its neighbours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.records import Interval
from orchestrator.states import RunState
from orchestrator.store import RunRecord
from orchestrator.use_cases.validation_result import (
    PredictedOptimum,
    Trained,
    Validation,
    score_forecast,
    validation_rows,
    verdict,
)
from tests.unit.orchestrator.store_fixtures import made_cell

STORED = {"flops": 1e12, "params": 5e4, "params_interval": [4e4, 8e4], "loss": 3.0}
STORED |= {"loss_interval": [2.95, 3.05], "run_interval": [2.9, 3.1]}
PREDICTED = PredictedOptimum.from_dict(STORED)


def trained(factor: float, loss: float | None, seed: int = 0) -> Trained:
    state = RunState.DONE if loss is not None else RunState.FAILED
    cell = made_cell(params=round(5e4 * factor), seed=seed)
    run = RunRecord(f"r{factor}{seed}", {}, 1e12, None, state, 1, loss, None, None, None, None, None, cell=cell)
    score = score_forecast(PREDICTED, loss) if factor == 1 and loss is not None else None
    return Trained(factor, run, score)


def validation(*runs: Trained) -> Validation:
    return Validation(PREDICTED, runs)


def test_every_seed_is_scored_against_the_one_forecast() -> None:
    result = validation(trained(1, 3.05), trained(1, 3.15, seed=1))
    assert result.complete and result.optimum_loss == pytest.approx(3.10)
    assert verdict(result) == [
        "1 of 2 runs lie inside 2.900 to 3.100, the interval of one run (mean of many: 2.950 to 3.050)"
    ]
    first, second = validation_rows(result)
    assert (first.inside, second.inside, second.seed) == (True, False, 1)
    assert first.half_width == 0.1 and second.error == 0.15


def test_the_predicted_size_beats_its_neighbours() -> None:
    result = validation(trained(1, 3.05), trained(1, 3.01, seed=1), trained(0.5, 3.08), trained(2, 3.06))
    assert "beats both neighbours, the better one (×2) by 0.0300" in verdict(result)[1]
    assert validation_rows(result)[2].error is None


@pytest.mark.parametrize(("factor", "where"), [(0.5, "lies outside"), (1.5, "lies in")])
def test_a_better_neighbour_is_held_against_the_interval_of_n(factor: float, where: str) -> None:
    result = validation(trained(1, 3.05), trained(factor, 3.02), trained(4, 3.5))
    assert verdict(result)[1] == f"×{factor:g} the predicted size is better by 0.0300 and {where} N*'s interval"


def test_a_run_without_a_loss_leaves_the_validation_open() -> None:
    result = validation(trained(1, None), trained(2, 3.0))
    assert not result.complete and result.optimum_loss is None
    assert verdict(result)[0].startswith("0 of 0 runs lie inside 2.900 to 3.100")
    assert validation_rows(result)[0].actual_loss is None


def test_a_stored_forecast_is_read_as_it_was_written() -> None:
    assert (PREDICTED.flops, PREDICTED.params, PREDICTED.loss) == (1e12, 5e4, 3.0)
    assert (PREDICTED.params_interval.low, PREDICTED.params_interval.high) == (4e4, 8e4)
    assert PREDICTED.loss_interval == Interval(2.95, 3.05) and PREDICTED.scored_by == Interval(2.9, 3.1)


@pytest.mark.parametrize("more", [{"run_interval": None}, {}])
def test_a_forecast_without_an_interval_of_one_run_is_scored_by_the_laws_and_says_so(more: dict[str, None]) -> None:
    old = {key: value for key, value in STORED.items() if key != "run_interval"} | more
    predicted = PredictedOptimum.from_dict(old)
    assert predicted.run_interval is None and predicted.scored_by == Interval(2.95, 3.05)
    assert not score_forecast(predicted, 3.07).inside and score_forecast(PREDICTED, 3.07).inside
    result = Validation(predicted, (trained(1, 3.07),))
    assert verdict(result)[0].endswith("the interval of the mean of many runs: the forecast has none of one run")
    (row,) = validation_rows(result)
    assert (row.interval_of, row.low, row.high, row.mean_low, row.mean_high) == ("law", 2.95, 3.05, 2.95, 3.05)


@pytest.mark.parametrize(
    ("loss", "inside", "score"), [(3.0, True, 0.2), (3.2, False, 0.2 + 40 * 0.1), (2.85, False, 0.2 + 40 * 0.05)]
)
def test_the_interval_score_charges_a_miss(loss: float, inside: bool, score: float) -> None:
    scored = score_forecast(PREDICTED, loss)
    assert (scored.loss, scored.inside) == (loss, inside)
    assert scored.interval_score == pytest.approx(score)
    assert scored.error == pytest.approx(loss - 3.0)
    assert score_forecast(PREDICTED, 3.2, level=0.9).interval_score == pytest.approx(0.2 + 20 * 0.1)


def test_a_row_in_json_keeps_its_keys() -> None:
    """Scripts read them."""
    (row,) = validation_rows(validation(trained(1, 3.05123456)))
    assert row.to_dict() == {
        "flops": 1e12,
        "size": "×1",
        "predicted_params": 50000,
        "trained_params": 50000,
        "seed": 0,
        "predicted_loss": 3.0,
        "low": 2.9,
        "high": 3.1,
        "half_width": 0.1,
        "interval_of": "run",
        "mean_low": 2.95,
        "mean_high": 3.05,
        "actual_loss": 3.0512,
        "error": 0.0512,
        "inside": True,
        "interval_score": 0.2,
        "run": "r10",
    }
    assert list(row.to_dict())[:3] == ["flops", "size", "predicted_params"]


def test_the_best_neighbour_has_the_lowest_loss_of_those_that_have_one() -> None:
    result = validation(trained(1, 3.0), trained(0.5, None), trained(2, 3.2), trained(4, 3.1))
    assert result.best_neighbour is not None and result.best_neighbour.factor == 4
    assert validation(trained(1, 3.0)).best_neighbour is None


def test_runs_that_repeat_tokens_are_said_to() -> None:
    one = trained(1, 3.05)
    assert one.run.cell is not None
    again = replace(one, run=replace(one.run, cell=replace(one.run.cell, tokens=2_000_000, epochs=4.0)))
    assert verdict(validation(again))[0] == "the data are the limit: the best model for 500 k tokens sees each 4 times"

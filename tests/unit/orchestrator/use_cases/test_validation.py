"""What a validation amounts to: rows, coverage, and the predicted size beside its neighbours."""

from __future__ import annotations

import pytest

from orchestrator.states import RunState
from orchestrator.store import RunRecord
from orchestrator.use_cases.validation import Trained, Validation, score_forecast, validation_rows, verdict
from tests.unit.orchestrator.store_fixtures import made_cell

PREDICTION = {"flops": 1e12, "params": 5e4, "params_interval": [4e4, 8e4], "loss": 3.0, "loss_interval": [2.9, 3.1]}


def trained(factor: float, loss: float | None, seed: int = 0) -> Trained:
    state = RunState.DONE if loss is not None else RunState.FAILED
    cell = made_cell(params=round(5e4 * factor), seed=seed)
    run = RunRecord(f"r{factor}{seed}", {}, 1e12, None, state, 1, loss, None, None, None, None, None, cell=cell)
    score = score_forecast(PREDICTION, loss) if factor == 1 and loss is not None else None
    return Trained(factor, run, score)


def validation(*runs: Trained) -> Validation:
    return Validation(PREDICTION, runs)


def test_every_seed_is_scored_against_the_one_forecast() -> None:
    result = validation(trained(1, 3.05), trained(1, 3.15, seed=1))
    assert result.complete and result.optimum_loss == pytest.approx(3.10)
    assert verdict(result) == ["1 of 2 runs lie inside 2.900 to 3.100"]
    first, second = validation_rows(result)
    assert (first["inside"], second["inside"], second["seed"]) == (True, False, 1)
    assert first["half_width"] == 0.1 and second["error"] == 0.15


def test_the_predicted_size_beats_its_neighbours() -> None:
    result = validation(trained(1, 3.05), trained(1, 3.01, seed=1), trained(0.5, 3.08), trained(2, 3.06))
    assert "beats both neighbours, the better one (×2) by 0.0300" in verdict(result)[1]
    assert validation_rows(result)[2]["error"] is None


@pytest.mark.parametrize(("factor", "where"), [(0.5, "lies outside"), (1.5, "lies in")])
def test_a_better_neighbour_is_held_against_the_interval_of_n(factor: float, where: str) -> None:
    result = validation(trained(1, 3.05), trained(factor, 3.02), trained(4, 3.5))
    assert verdict(result)[1] == f"×{factor:g} the size is better by 0.0300 and {where} N*'s interval"


def test_a_run_without_a_loss_leaves_the_validation_open() -> None:
    result = validation(trained(1, None), trained(2, 3.0))
    assert not result.complete and result.optimum_loss is None
    assert verdict(result) == ["0 of 0 runs lie inside 2.900 to 3.100"]
    assert validation_rows(result)[0]["actual_loss"] is None

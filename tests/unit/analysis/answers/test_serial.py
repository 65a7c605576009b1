"""The JSON of laws and predictions: the contract's keys, and nothing that JSON cannot hold."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from analysis.answers.serial import fit_json, plain, prediction_json, record_json
from analysis.law import Law, fit
from analysis.names import EstimatorName
from analysis.records import BuildableShape, Interval
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import sweep, table

PREDICT_KEYS = [
    "flops",
    "params",
    "tokens",
    "loss",
    "params_interval",
    "tokens_interval",
    "loss_interval",
    "run_interval",
    "extrapolation",
    "largest_budget",
    "confidence",
    "estimators",
    "convention",
    "loss_unit",
    "law_id",
    "shape",
    "warnings",
]


@pytest.fixture(scope="module")
def law() -> Law:
    return fit(table(seed=1, repeats=3))


def test_json_keys_are_those_of_the_contract(law: Law) -> None:
    answer = prediction_json(law.predict(1e21))
    assert set(PREDICT_KEYS) <= set(answer)
    assert answer["params_interval"][0] < answer["params"] < answer["params_interval"][1]
    found = fit_json(law)
    assert {"curves", "laws", "lack_of_fit", "holdout", "excluded", "noise"} <= set(found)
    assert set(found["laws"]["additive"]["parameters"]) == {"E", "A", "B", "alpha", "beta"}
    assert found["laws"]["additive_huber"]["loss_function"].endswith("δ = 0.001")
    assert found["laws"]["headline"]["exponents"]["params"]["interval"] is not None
    json.dumps([answer, found], allow_nan=False)


def test_the_whole_law_is_plain_data(law: Law) -> None:
    data = json.loads(json.dumps(fit_json(law), allow_nan=False))
    assert [curve["flops"] for curve in data["curves"]] == [curve.flops for curve in law.curves]
    assert data["noise"]["seed_sigma"] == law.noise.seed_sigma
    assert len(data["law_id"]) == 16


def test_numbers_that_json_lacks_are_null_and_types_are_plain() -> None:
    found = plain({"a": (np.float64(1.5), float("nan"), float("inf")), "b": np.arange(2), 3: np.bool_(True), "n": None})
    assert found == {"a": [1.5, None, None], "b": [0, 1], "3": True, "n": None}
    assert type(found["a"][0]) is float and type(found["b"][0]) is int and type(found["3"]) is bool
    assert type(plain(EstimatorName.CUBIC)) is str


def test_intervals_are_pairs_and_an_end_at_infinity_is_null() -> None:
    prediction = replace(law_of_three().predict(1e20), loss_interval=Interval(2.0, float("inf")))
    shown = record_json(prediction)
    assert shown["loss_interval"] == [2.0, None]
    assert shown["params_interval"] == [prediction.params_interval.low, prediction.params_interval.high]
    assert shown["shape"] is None and shown["estimators"][0]["estimator"] == "additive"
    shape = BuildableShape(64, 4, 2, 176, 10, 20, 5, 1000, 1e9)
    assert record_json(replace(prediction, shape=shape))["shape"] == {
        "d_model": 64,
        "n_layers": 4,
        "n_heads": 2,
        "d_ff": 176,
        "params": 10,
        "params_total": 20,
        "params_nonembedding": 5,
        "tokens": 1000,
        "flops": 1e9,
        "experts": 1,
        "active": 1,
    }


@cache
def law_of_three() -> Law:
    return fit(table(budgets=(1e18, 1e19, 1e20), noise=0.002, seed=4), holdout=False)


def test_a_refusal_is_its_code_and_its_sentence() -> None:
    found = fit_json(fit(table(budgets=(1e18, 1e19))))
    assert found["refusals"]["cubic"] == {
        "reason": "too_few_budgets",
        "message": "a law needs at least 3 budgets, two to four times apart; this table has 2.",
    }
    assert found["refusals"]["envelope"]["reason"] == "one_loss_a_run"
    edge = fit_json(fit(table(off_centre=6.0, seed=4), holdout=False))["curves"][0]["refusals"]["parabola"]
    assert set(edge) == {"reason", "message"} and edge["reason"] == "edge_minimum"


def test_records_of_a_fit_have_the_keys_of_the_contract(law: Law) -> None:
    found = fit_json(law)
    assert list(found["noise"]) == [
        *("sigma", "degrees_of_freedom", "seed_sigma", "seed_degrees_of_freedom", "seed_sigma_interval"),
        *("seed_sigma_by_budget", "sources"),
    ]
    assert set(found["noise"]["seed_sigma_by_budget"][0]) == {"flops", "sigma", "degrees_of_freedom"}
    assert len(found["noise"]["seed_sigma_interval"]) == 2
    test = next(surface.lack_of_fit for surface in law.surfaces if surface.name == "additive")
    assert test is not None
    assert found["lack_of_fit"]["additive"] == {
        "F": test.f,
        "p": test.p,
        "df": test.freedom,
        "df_noise": test.noise_freedom,
    }
    assert found["lack_of_fit"]["additive_huber"] is None
    first = found["holdout"][0]
    assert list(first)[:5] == ["flops", "trained_to", "extrapolation", "params", "params_error"]
    assert list(first)[5:7] == ["params_predicted", "params_interval"]
    assert "answers" not in first and first["estimators"]["cubic"] == {
        "params": pytest.approx(first["params_predicted"], rel=0.2),
        "loss": pytest.approx(first["loss_predicted"], abs=0.05),
    }


def test_laws_are_by_estimator_with_exponents_and_parameters(law: Law) -> None:
    laws = fit_json(law)["laws"]
    assert laws["cubic"]["parameters"] is None and laws["cubic"]["objective"] is None
    assert set(laws["cubic"]["exponents"]) == {"params", "tokens", "loss"}
    assert set(laws["headline"]["exponents"]) == {"params", "tokens"}
    power = next(p for p in law.power_laws if p.estimator == "cubic" and p.quantity == "loss")
    assert laws["cubic"]["exponents"]["loss"]["floor"] == power.floor
    assert laws["cubic"]["exponents"]["loss"]["coefficient"] == power.coefficient
    surface = next(surface for surface in law.surfaces if surface.name == "skaling")
    assert laws["skaling"]["residual"] == surface.residual and laws["skaling"]["objective"] == surface.objective
    assert laws["additive_huber"]["residual"] is None


def test_excluded_rows_are_listed_with_their_reason() -> None:
    data = sweep().assign(state="done")
    data.loc[2, "state"] = "failed"
    (row,) = fit_json(fit(RunTable.from_frame(data), holdout=False))["excluded"]
    assert row == {
        "run": "row 3",
        "flops": data.flops[2],
        "params": data.params[2],
        "loss": data.loss[2],
        "reason": "state is failed",
    }

"""The JSON of laws and predictions: the contract's keys, and nothing that JSON cannot hold."""

from __future__ import annotations

import json

import pytest

from analysis.answers.serial import fit_json, prediction_json
from analysis.law import Law, fit
from tests.unit.analysis.law_tables import table

PREDICT_KEYS = [
    "flops",
    "params",
    "tokens",
    "loss",
    "params_interval",
    "tokens_interval",
    "loss_interval",
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

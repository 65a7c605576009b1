"""A law and its answers as JSON: the keys that the command line and the service promise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Any

import numpy as np

from analysis.answers.ngrams import ngram_sentence
from analysis.answers.published import published_at
from analysis.evidence import HoldoutRecord, Noise
from analysis.fitting.repetition.own import FittedWorth
from analysis.law import Law
from analysis.names import EstimatorName
from analysis.records import Curve, LackOfFit, Prediction
from analysis.refusals import Refusal
from analysis.wording import refusal_message


def plain(value: Any) -> Any:
    """Tuples and arrays to lists, NaN and infinities to None, numpy scalars and enumerations to Python's own."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(entry) for entry in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value


def prediction_json(prediction: Prediction) -> dict[str, Any]:
    """The contract's keys of `predict -o json`; intervals as [low, high]."""
    return record_json(prediction)


def record_json(record: Any) -> dict[str, Any]:
    """A frozen record as JSON-ready data, its intervals as [low, high]; an end at infinity is null."""
    data = {
        key: [value["low"], value["high"]] if key.endswith("interval") and value is not None else value
        for key, value in asdict(record).items()
    }
    return {key: plain(value) for key, value in data.items()}


def minima_rows(law: Law) -> list[dict[str, Any]]:
    """The optimum of each budget by each estimator: the rows of `isoflop fit -o csv`."""
    return [
        {"flops": c.flops, "estimator": m.estimator, "params": m.params, "tokens": m.tokens, "loss": m.loss}
        for c in law.curves
        for m in c.minima
    ]


def fit_json(law: Law) -> dict[str, Any]:
    """The contract's keys of `fit -o json`; published laws at the largest budget."""
    return {
        "law_id": law.law_id,
        "curves": [_curve(curve) for curve in law.curves],
        "refusals": _refusals(law.refusals),
        "holdout": [_holdout(record) for record in law.holdout],
        "excluded": [record_json(row) for row in law.excluded],
        "noise": _noise(law.noise),
        "recipe_check": [record_json(cell) for cell in law.recipe_check],
        "repetition": _repetition(law.worth),
        "ngrams": ngrams_json(law),
        "warnings": list(law.warnings),
        "convention": law.convention,
        "loss_unit": law.loss_unit,
        "laws": _laws(law),
        "lack_of_fit": {surface.name.value: _lack_of_fit(surface.lack_of_fit) for surface in law.surfaces},
        "published": [record_json(answer) for answer in published_at(law.largest_budget)],
    }


def ngrams_json(law: Law) -> dict[str, Any] | None:
    """The n-grams of a law, and how its runs compare with them; None where they were not measured."""
    if law.ngrams is None:
        return None
    scores = [record_json(score) for score in law.ngrams.scores]
    return {"unique_tokens": law.ngrams.unique_tokens, "scores": scores, "summary": ngram_sentence(law)}


def _curve(curve: Curve) -> dict[str, Any]:
    fields: dict[str, Any] = plain(asdict(curve))
    return fields | {"refusals": _refusals(curve.refusals)}


def _refusals(refusals: Mapping[EstimatorName, Refusal]) -> dict[str, dict[str, str]]:
    return {
        name.value: {"reason": refusal.reason.value, "message": refusal_message(refusal)}
        for name, refusal in refusals.items()
    }


def _holdout(record: HoldoutRecord) -> dict[str, Any]:
    fields = record_json(record)
    del fields["answers"]
    by_name = {answer.estimator.value: {"params": answer.params, "loss": answer.loss} for answer in record.answers}
    return fields | {"estimators": plain(by_name)}


def _noise(noise: Noise) -> dict[str, Any]:
    by_budget = [record_json(one) for one in noise.seed_sigma_by_budget]
    return record_json(noise) | {"seed_sigma_by_budget": by_budget}


def _repetition(worth: FittedWorth | None) -> dict[str, Any] | None:
    """What the runs say repetition is worth; an end of an interval is None where they do not bound it."""
    if worth is None:
        return None
    own = {"tokens": record_json(worth.tokens), "params": record_json(worth.params)}
    return own | {"runs": worth.runs, "epochs": worth.epochs}


def _lack_of_fit(test: LackOfFit | None) -> dict[str, float] | None:
    if test is None:
        return None
    return {"F": test.f, "p": test.p, "df": test.freedom, "df_noise": test.noise_freedom}


def _laws(law: Law) -> dict[str, dict[str, Any]]:
    """By estimator: its exponents, and of a surface its parameters and objective."""
    laws: dict[str, dict[str, Any]] = {}
    for power in law.power_laws:
        entry = laws.setdefault(power.estimator.value, {"parameters": None, "objective": None, "exponents": {}})
        bounds = power.exponent_interval
        entry["exponents"][power.quantity] = {
            "coefficient": plain(power.coefficient),
            "exponent": plain(power.exponent),
            "interval": plain([bounds.low, bounds.high]) if bounds else None,
            "floor": plain(power.floor),
        }
    for surface in law.surfaces:
        laws.setdefault(surface.name.value, {"exponents": {}}).update(
            parameters=plain(surface.parameters),
            objective=plain(surface.objective),
            loss_function=surface.loss_function,
            residual=plain(surface.residual),
        )
    return laws

"""A law and its answers as plain data: JSON in and out, and the keys that the command line and the service promise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from analysis.answers.published import published_at
from analysis.law import FIT_VERSION, Law
from analysis.records import Prediction

_ARRAYS = ("variances", "covariances", "prior", "inverse", "spread")


def plain(value: Any) -> Any:
    """Tuples to lists, NaN and infinities to None, numpy scalars to Python's."""
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


def law_to_dict(law: Law) -> dict[str, Any]:
    """Everything that a law holds, as JSON-ready data without NaN."""
    return {
        "version": FIT_VERSION,
        "law_id": law.law_id,
        "curves": [plain(asdict(curve)) for curve in law.curves],
        "power_laws": [plain(asdict(entry)) for entry in law.power_laws],
        "surfaces": [plain(asdict(entry)) for entry in law.surfaces],
        "refusals": {name: asdict(refusal) for name, refusal in law.refusals.items()},
        "noise": plain(law.noise),
        "holdout": plain(law.holdout),
        "excluded": plain(law.excluded),
        "warnings": list(law.warnings),
        "convention": law.convention,
        "loss_unit": law.loss_unit,
        "cost": {"log_params": list(law.cost.log_params), "log_flops": list(law.cost.log_flops)},
        "estimators": [plain(asdict(state)) for state in law.estimators],
        "uncertainty": {name: plain(getattr(law.uncertainty, name)) for name in _ARRAYS},
        "origin": asdict(law.origin),
        "recipe_check": [plain(asdict(cell)) for cell in law.recipe_check],
    }


def prediction_json(prediction: Prediction) -> dict[str, Any]:
    """The contract's keys of `predict -o json`; intervals as [low, high]."""
    return record_json(prediction)


def record_json(record: Any) -> dict[str, Any]:
    """A record as JSON-ready data, its intervals as [low, high]; an end at infinity is null."""
    data = {
        key: [value["low"], value["high"]] if key.endswith("interval") and value is not None else value
        for key, value in asdict(record).items()
    }
    return {key: plain(value) for key, value in data.items()}


def fit_json(law: Law) -> dict[str, Any]:
    """The contract's keys of `fit -o json`; published laws at the largest budget."""
    data = law_to_dict(law)
    laws: dict[str, dict[str, Any]] = {}
    for entry in data["power_laws"]:
        bounds = entry["exponent_interval"]
        laws.setdefault(entry["estimator"], {"parameters": None, "objective": None, "exponents": {}})["exponents"][
            entry["quantity"]
        ] = {
            "coefficient": entry["coefficient"],
            "exponent": entry["exponent"],
            "interval": [bounds["low"], bounds["high"]] if bounds else None,
            "floor": entry["floor"],
        }
    for entry in data["surfaces"]:
        laws.setdefault(entry["name"], {"exponents": {}}).update(
            parameters=entry["parameters"],
            objective=entry["objective"],
            loss_function=entry["loss_function"],
            residual=entry["residual"],
        )
    keys = (
        *("law_id", "curves", "refusals", "holdout", "excluded", "noise", "recipe_check", "warnings"),
        *("convention", "loss_unit"),
    )
    return {
        **{key: data[key] for key in keys},
        "laws": laws,
        "lack_of_fit": {entry["name"]: entry["lack_of_fit"] for entry in data["surfaces"]},
        "published": plain(published_at(law.largest_budget)),
    }

"""A law and its answers as plain data: JSON in and out, and the keys that the command line and the service promise."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import headline
from analysis.cost import TokenCost
from analysis.published import published_at
from analysis.recipe_check import CheckedCell
from analysis.records import Curve, Interval, Minimum, PowerLaw, Prediction, Refusal, Surface
from analysis.surface import Origin
from analysis.table import RunTable
from analysis.uncertainty import Uncertainty

if TYPE_CHECKING:
    from analysis.law import Law

FIT_VERSION = 1
"""Raised when the same table would give other numbers."""
_ARRAYS = ("variances", "covariances", "prior", "inverse", "spread")


def content_hash(table: RunTable, cost: TokenCost) -> str:
    """Hash of the runs, the cost of a token and the version of the fit."""
    text = json.dumps([FIT_VERSION, table.digest, cost.log_params, cost.log_flops])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def with_holdout(law: Law, records: tuple[dict[str, Any], ...]) -> Law:
    """The law with its hold-out table and a sentence about it."""
    far = [record for record in records if record["extrapolation"] >= 1.5]
    if not far:
        return replace(law, holdout=records)
    covered = sum(record["params_covered"] and record["loss_covered"] for record in far)
    sentence = f"Hold-out: {covered} of {len(far)} later budgets (×1.5 and more) lay inside both intervals."
    return replace(law, holdout=records, warnings=(*law.warnings, sentence))


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
    """Everything that `law_fields` needs, as JSON-ready data."""
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


def law_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `Law` from the data of `law_to_dict`."""
    return {
        "law_id": data["law_id"],
        "curves": tuple(_curve(entry) for entry in data["curves"]),
        "power_laws": tuple(
            PowerLaw(**{**entry, "exponent_interval": _interval(entry["exponent_interval"])})
            for entry in data["power_laws"]
        ),
        "surfaces": tuple(Surface(**entry) for entry in data["surfaces"]),
        "refusals": {name: Refusal(**entry) for name, entry in data["refusals"].items()},
        "noise": dict(data["noise"]),
        "holdout": tuple(dict(entry) for entry in data["holdout"]),
        "excluded": tuple(dict(entry) for entry in data["excluded"]),
        "warnings": tuple(data["warnings"]),
        "convention": data["convention"],
        "loss_unit": data["loss_unit"],
        "cost": TokenCost(tuple(data["cost"]["log_params"]), tuple(data["cost"]["log_flops"])),
        "estimators": tuple(headline.State(**{**e, "theta": tuple(e["theta"])}) for e in data["estimators"]),
        "uncertainty": _uncertainty(data["uncertainty"]),
        "origin": Origin(**data["origin"]),
        "recipe_check": tuple(CheckedCell(**cell) for cell in data["recipe_check"]),
    }


def _uncertainty(data: Mapping[str, Any]) -> Uncertainty:
    if not data["variances"]:
        return Uncertainty()
    return Uncertainty(**{name: np.array(data[name], dtype=float) for name in _ARRAYS})


def _interval(data: Mapping[str, Any] | None) -> Interval | None:
    return Interval(**data) if data is not None else None


def _curve(data: Mapping[str, Any]) -> Curve:
    tuples = ("params", "tokens", "losses", "parabola", "cubic", "flags")
    return Curve(
        **{
            **data,
            **{key: tuple(data[key]) for key in tuples},
            "minima": tuple(Minimum(**entry) for entry in data["minima"]),
            "refusals": {name: Refusal(**entry) for name, entry in data["refusals"].items()},
            "residual": float("nan") if data["residual"] is None else data["residual"],
        }
    )


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

"""One law over a sweep's models with different numbers of experts: what parameters count that no token uses."""

from __future__ import annotations

import contextlib

from analysis.answers.total_parameters import ROUTED, TotalParameters, total_parameters
from analysis.records import LawError
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.variant import Variant, variant_label


def total_parameters_of(answers: SweepAnswers, axis: str, baseline: str = "") -> dict[str, TotalParameters]:
    """The weight of all parameters along an axis, by the label of the other axes' values.

    Nothing for an axis that leaves all parameters as they are, and where the runs do not tell. `baseline` is the value
    to compare with; empty for the first in the sweep file. Raises LawError where there is nothing to fit yet.
    """
    if axis not in ROUTED or axis not in answers.spec.vary:
        return {}
    start = baseline or str(answers.spec.vary[axis][0])
    groups: dict[str, list[Variant]] = {}
    for variant in answers.variants:
        others = {other: value for other, value in variant.values.items() if other != axis}
        groups.setdefault(variant_label(others), []).append(variant)
    found = {}
    for label, variants in groups.items():
        first = [variant for variant in variants if str(variant.values[axis]) == start]
        rest = [variant for variant in variants if variant not in first]
        if first and rest:
            with contextlib.suppress(LawError):
                found[label] = total_parameters(start, [(each.table, answers.counts(each)) for each in first + rest])
    return found

"""Names of estimators: what JSON carries, and what people read."""

from __future__ import annotations

import json

import pytest

from analysis.names import EstimatorName


@pytest.mark.parametrize(
    ("name", "value", "label"),
    [
        (EstimatorName.JOINT_SKEW_BENT, "joint_skew_bent", "joint skew bent"),
        (EstimatorName.ADDITIVE_HUBER, "additive_huber", "additive huber"),
        (EstimatorName.CUBIC, "cubic", "cubic"),
    ],
)
def test_a_name_is_its_code_and_has_a_label(name: EstimatorName, value: str, label: str) -> None:
    assert name == value and json.dumps(name) == f'"{value}"'
    assert name.label == label
    assert {name: 1}[value] == 1, "a mapping by name is found by its code"  # type: ignore[index]


def test_labels_are_all_different_and_hold_no_code() -> None:
    labels = [name.label for name in EstimatorName]
    assert len(set(labels)) == len(labels) == 11
    assert not any("_" in label for label in labels)

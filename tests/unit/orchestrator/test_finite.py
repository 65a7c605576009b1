"""Numbers that JSON does not have become null, however deep they lie."""

from __future__ import annotations

from orchestrator.finite import finite


def test_infinities_and_nan_become_null_and_all_else_stays() -> None:
    data = {"a": [float("inf"), 1.5, (float("-inf"), 2)], "b": {"c": float("nan"), "d": "inf"}, "e": None, "f": True}
    assert finite(data) == {"a": [None, 1.5, [None, 2]], "b": {"c": None, "d": "inf"}, "e": None, "f": True}

"""The short forms of budgets and sizes."""

from __future__ import annotations

import pytest

from sweeps.file.compose import load_sweep
from sweeps.file.problem import SweepError

GOOD = "name: good\nbudgets: [1e11, 3e11, 1e12]\n"


def problems(text: str, *overrides: str) -> list[str]:
    with pytest.raises(SweepError) as caught:
        load_sweep(text, overrides, name_of_text="s.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_shorthands() -> None:
    series = load_sweep("name: a\nbudgets: {from: 1e11, to: 1e13, count: 5}\nsizes: [1e4, 2e4]\n")
    assert series.budgets == (1e11, 3.16228e11, 1e12, 3.16228e12, 1e13)
    assert series.sizes.params == (10_000, 20_000)
    shapes = load_sweep(GOOD + "sizes: [{d_model: 16}, {d_model: 32, n_layers: 3}]\n")
    assert shapes.sizes.shapes == ({"d_model": 16}, {"d_model": 32, "n_layers": 3})


def test_series_and_grid_are_counted_before_they_are_expanded() -> None:
    assert "a count between 2 and 1000" in problems("name: a\nbudgets: {from: 1, to: 2, count: 1e12}\n")[0]
    assert "count missing" in problems("name: a\nbudgets: {from: 1, to: 2}\n")[0]
    assert "unknown key" in problems("name: a\nbudgets: {from: 1, to: 2, count: 3, steps: 4}\n")[0]
    assert "above limits.runs" in problems(GOOD, "sizes.count=1000000000")[0]

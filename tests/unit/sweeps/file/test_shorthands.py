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


def test_a_series_is_geometric_with_its_ends_and_six_digits() -> None:
    two = load_sweep("name: a\nbudgets: {from: 1.23456789e11, to: 3e11, count: 2}\n")
    assert two.budgets == (1.23457e11, 3e11)
    text = "name: a\nlimits: {runs: 100000}\nbudgets: {from: 1, to: 2, count: %d}\n"
    assert len(load_sweep(text % 1000).budgets) == 1000
    for count in (1, 1001):
        assert "a count between 2 and 1000" in problems(text % count)[0]


@pytest.mark.parametrize("ends", ["from: 0, to: 2", "from: 2, to: 2", "from: 3, to: 2", "from: -1, to: 2"])
def test_a_series_that_does_not_ascend_is_refused(ends: str) -> None:
    (line,) = [line for line in problems(f"name: a\nbudgets: {{{ends}, count: 3}}\n") if "needs" in line]
    assert line == "s.yaml:2:1 budgets: needs 0 < from < to and a count between 2 and 1000"


def test_mistakes_in_a_series_are_reported_at_their_key() -> None:
    assert problems("name: a\nbudgets: {from: 1, too: 2, count: 3}\n")[:2] == [
        "s.yaml:2:20 budgets.too: unknown key; a series has from, to and count, did you mean to?",
        "s.yaml:2:1 budgets: a series has from, to and count; to missing",
    ]
    assert problems("name: a\nbudgets: {from: x, to: 2, count: 3}\n")[0].startswith(
        "s.yaml:2:11 budgets.from: expected"
    )


def test_an_empty_list_of_sizes_is_a_list_of_numbers() -> None:
    assert load_sweep(GOOD + "sizes: []\n").sizes.params == ()

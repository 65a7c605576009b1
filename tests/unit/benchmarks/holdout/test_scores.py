"""Scores by hand, and their ratios between methods on the forecasts that both answered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.holdout.rows import to_frame
from benchmarks.holdout.scores import geometric, headline_rows, new_sets, pairs, ratios, scored
from tests.unit.benchmarks.holdout.made import rows

NAN = float("nan")


def test_a_truth_inside_costs_the_width_and_outside_forty_times_the_gap() -> None:
    found = scored(to_frame(rows(truth=[20.1, 20.4, 19.7, 20.3])))
    assert found.score_bare.tolist() == pytest.approx([0.5, 0.5 + 40 * 0.1, 0.5 + 40 * 0.1, 0.5])
    assert found.covered_bare.tolist() == [1, 0, 0, 1]
    assert found.error.tolist() == pytest.approx([0.1, 0.4, 0.3, 0.3])
    assert found.half.tolist() == pytest.approx([0.25] * 4)


def test_the_truths_own_error_is_added_in_quadrature_on_each_side() -> None:
    found = scored(to_frame(rows(truth=[20.4, 20.1], truth_error=[0.2, 0.2])))
    above, below = np.hypot(0.3, 0.392), np.hypot(0.2, 0.392)
    assert found.covered.tolist() == [1, 1]
    assert found.covered_bare.tolist() == [0, 1]
    assert found.score.tolist() == pytest.approx([above + below] * 2)


def test_no_interval_is_no_score_but_an_error() -> None:
    found = scored(to_frame(rows(low=[NAN], high=[NAN])))
    assert found.answered.tolist() == [True]
    assert found.bounded.tolist() == [False]
    assert np.isnan([*found.score, *found.covered]).all()
    assert found.error.tolist() == pytest.approx([0.1])


def test_ratios_are_of_means_by_set_over_forecasts_that_both_answered() -> None:
    data, flops = ["a", "a", "a", "b"], [1e20, 2e20, 3e20, 1e20]
    ours = scored(
        to_frame(rows(data=data, flops=flops, truth=[20.1, 20.2, 20.3, 20.1], estimate=[20.0, 20.0, NAN, 20]))
    )
    theirs = scored(
        to_frame(rows(data=data, flops=flops, truth=[20.1, 20.2, 20.3, 20.1], estimate=[20.0, 19.9, 20, 20.05]))
    )
    both = pairs(ours, theirs)
    assert len(both) == 3
    assert ratios(both, "error").to_dict() == pytest.approx({"a": 0.3 / 0.4, "b": 2.0})


def test_means_over_sets_are_geometric() -> None:
    values = pd.Series({"a": 0.5, "b": 2.0, "c": NAN, "chinchilla": 4.0})
    assert geometric(values) == pytest.approx(4 ** (1 / 3))
    assert geometric(values, ["a", "b"]) == pytest.approx(1)
    assert np.isnan(geometric(values, ["c"]))


def test_sets_that_chose_earlier_versions_are_not_new() -> None:
    assert new_sets(to_frame(rows(data=["llama3", "fresh", "chinchilla"]))) == ["fresh"]


def test_only_the_headline_is_under_test() -> None:
    frame = to_frame(rows(method=["isoflop", "approach 3"], quantity=["params", "params"]))
    assert len(headline_rows(frame, "budget", "params")) == 1
    assert len(headline_rows(frame, "budget", "loss")) == 0

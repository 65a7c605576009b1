"""Axes: few round ticks, none too close, and domains that show what matters."""

from __future__ import annotations

import math
from itertools import pairwise

import altair as alt
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.figures.axes import (
    CLOSEST,
    linear_domain,
    linear_ticks,
    log_axis,
    log_domain,
    log_ticks,
    loss_domain,
    values,
)
from analysis.figures.theme import WIDTH
from analysis.wording import format_count


@given(
    st.floats(min_value=-3, max_value=25),
    st.floats(min_value=0.05, max_value=12),
    st.sampled_from([CLOSEST, CLOSEST * WIDTH / 250]),
)
def test_log_ticks_are_few_inside_and_apart(start: float, span: float, closest: float) -> None:
    low, high = log_domain([10**start, 10 ** (start + span)])
    every, labelled = log_ticks(low, high, closest)
    assert all(low <= tick <= high for tick in [*every, *labelled])
    assert set(labelled) <= set(every)
    assert len(labelled) <= 7
    apart = closest * math.log10(high / low)
    assert all(math.log10(after / before) >= 0.999 * apart for before, after in pairwise(labelled))


@given(st.floats(min_value=-3, max_value=25), st.floats(min_value=0.5, max_value=12))
def test_a_wide_log_axis_has_at_least_two_labels(start: float, span: float) -> None:
    assert len(log_ticks(*log_domain([10**start, 10 ** (start + span)]))[1]) >= 2


def test_narrow_axes_get_round_labels_between_the_powers() -> None:
    assert log_ticks(1.1, 1.45)[1] == [1.1, 1.2, 1.3, 1.4]
    assert linear_ticks(0.98, 1.31, 4) == [1.0, 1.1, 1.2, 1.3]
    assert len(linear_ticks(0, 1)) <= 7


def test_a_small_panel_has_no_labels_that_touch() -> None:
    _, labelled = log_ticks(2.4e18, 3.8e20, CLOSEST * WIDTH / 250)
    assert labelled == [1e19, 1e20]


@given(st.lists(st.floats(min_value=0.5, max_value=20), min_size=1, max_size=60))
@example([20.0, 19.999999999999996])
def test_a_loss_axis_shows_all_but_a_few_losses(losses: list[float]) -> None:
    low, high = loss_domain(losses)
    assert low < min(losses) and low < high
    above = sum(loss > high for loss in losses)
    assert above <= math.ceil(0.025 * (len(losses) - 1))


def test_domains_of_nothing_are_domains_still() -> None:
    for low, high in (log_domain([]), linear_domain([]), loss_domain([]), log_domain([0.0, math.nan])):
        assert 0 <= high - low < math.inf and low < high


def test_a_log_axis_writes_its_labels_by_the_given_words() -> None:
    channel = log_axis((9e3, 1.2e5), "N", format_count)
    axis = channel["axis"].to_dict()
    assert axis["title"] == "N"
    assert '"1.000e+4": "10 k"' in axis["labelExpr"] and '"1.000e+5": "100 k"' in axis["labelExpr"]
    assert channel["scale"].to_dict() == {"type": "log", "domain": [9e3, 1.2e5], "nice": False}
    assert log_axis((1, 10), ["two", "lines"])["axis"].to_dict()["title"] == ["two", "lines"]


def test_what_json_cannot_hold_becomes_null_and_rows_are_not_copied() -> None:
    rows = values([{"a": math.inf, "b": 1.0, "c": "x"}])
    assert rows.to_dict() == {"values": [{"a": None, "b": 1.0, "c": "x"}]}
    chart = alt.Chart(rows).mark_point()
    assert chart.encode(x="b:Q").data is rows

"""Other counts of parameters: ratios to N between nodes, held beyond them, and read off a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.answers.counts import COLUMNS, Counts


def test_ratios_are_interpolated_between_nodes_and_held_beyond() -> None:
    counts = Counts.from_nodes([1e4, 1e6], [2e4, 1.1e6], [0.5e4, 0.9e6])
    assert counts.at(1e4) == pytest.approx({"params_total": 2e4, "params_nonembedding": 0.5e4})
    assert counts.at(1e6) == pytest.approx({"params_total": 1.1e6, "params_nonembedding": 0.9e6})
    assert counts.at(1e5)["params_total"] == pytest.approx(1e5 * np.sqrt(2 * 1.1))
    assert counts.at(1e5)["params_nonembedding"] == pytest.approx(1e5 * np.sqrt(0.5 * 0.9))
    assert counts.at(1e3)["params_total"] == pytest.approx(2e3)
    assert counts.at(1e8)["params_nonembedding"] == pytest.approx(0.9e8)


def test_nodes_come_in_any_order_and_repeated_sizes_are_averaged() -> None:
    counts = Counts.from_nodes([1e6, 1e4, 1e4], [1.1e6, 2e4, 8e4], [1e6, 1e4, 1e4])
    assert counts.log_params == tuple(sorted(counts.log_params)) and len(counts.log_params) == 2
    assert counts.at(1e4)["params_total"] == pytest.approx(4e4), "the geometric mean"


def test_a_table_needs_both_columns_and_a_row_of_numbers() -> None:
    assert COLUMNS == ("params_total", "params_nonembedding")
    frame = pd.DataFrame({"N": [1e4, 1e5, 1e6], "params_total": [2e4, "?", 1e6], "params_nonembedding": [5e3, 1e4, 0]})
    counts = Counts.from_frame(frame, params="N")
    assert counts is not None and counts.log_params == (pytest.approx(np.log(1e4)),)
    assert Counts.from_frame(frame) is None
    assert Counts.from_frame(frame.drop(columns="params_nonembedding"), params="N") is None
    assert Counts.from_frame(frame.iloc[1:], params="N") is None

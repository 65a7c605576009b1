"""Which runs repeat tokens, and what a fresher run of their cell sets aside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.records import LawError
from analysis.table.repeats import FRESH, repeats, unique_tokens
from analysis.table.table import RunTable
from tests.unit.analysis.repeating import repeating


def test_runs_with_a_fresher_one_in_their_cell_are_set_aside() -> None:
    frame = repeating(5, 3)
    table = RunTable.from_frame(frame)
    assert table.aside is not None and table.unique is not None
    assert (len(table), len(table.aside.loss)) == (15, 45)
    assert table.unique.tolist() == table.tokens.tolist(), "one fresh run stays in each cell"
    assert sorted((table.aside.tokens / table.aside.unique).round().tolist()) == [2.0] * 15 + [4.0] * 15 + [8.0] * 15
    assert set(table.aside.budget) <= set(table.budget) and set(table.aside.size) <= set(table.size)


def test_a_run_without_a_fresher_one_stays() -> None:
    table = RunTable.from_frame(repeating(5, 3, passes=(2, 8)))
    assert table.unique is not None and table.aside is not None
    assert (table.tokens / table.unique).round(6).tolist() == [2.0] * 15


def test_a_table_that_repeats_nothing_is_as_if_it_had_no_such_column() -> None:
    frame = repeating(5, 3, passes=(1,))
    table, bare = RunTable.from_frame(frame), RunTable.from_frame(frame.drop(columns="unique_tokens"))
    plenty = RunTable.from_frame(frame.assign(unique_tokens=1e12))
    blank = RunTable.from_frame(frame.assign(unique_tokens=np.nan))
    assert table.unique is None and table.aside is None
    assert table.digest == bare.digest == plenty.digest == blank.digest


def test_the_content_hash_knows_what_is_repeated_and_what_was_set_aside() -> None:
    table = RunTable.from_frame(repeating(5, 3))
    assert table.aside is not None and table.unique is not None
    digests = {
        table.digest,
        replace(table, unique=None, aside=None).digest,
        replace(table, aside=None).digest,
        replace(table, aside=replace(table.aside, unique=table.aside.unique * 2)).digest,
    }
    assert len(digests) == 4


def test_nearly_one_pass_counts_as_fresh() -> None:
    assert repeats(np.array([1.0, FRESH, 1.2]), np.ones(3)).tolist() == [False, False, True]


def test_a_number_that_cannot_be_is_refused_with_its_row() -> None:
    frame = pd.DataFrame({"unique_tokens": [5.0, 0.0]}, index=[2, 3])
    with pytest.raises(LawError, match="column unique_tokens: row 3 must be positive"):
        unique_tokens(frame, np.array([10.0, 10.0]))

"""A table with repetition as if all tokens were fresh."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.repetition.fresh import as_fresh
from analysis.law import content_hash, fit
from analysis.table.table import RunTable
from tests.unit.analysis.fitting.repetition.learnt import TABLE, valley
from tests.unit.analysis.repeating import COST, loss, repeating, table


def test_a_law_of_cells_with_a_fresh_run_is_that_of_the_fresh_runs() -> None:
    whole = fit(TABLE, cost=COST, holdout=False)
    alone = fit(RunTable.from_frame(repeating(5, 3).query("tokens == unique_tokens")), cost=COST, holdout=False)
    assert (
        whole.predict(1e12).params == alone.predict(1e12).params
        and whole.predict(1e12).loss == alone.predict(1e12).loss
    )
    assert whole.worth is not None and alone.worth is None
    assert whole.law_id == content_hash(TABLE, COST) != alone.law_id


def test_losses_of_runs_that_must_repeat_are_lowered_by_what_it_cost() -> None:
    frame = repeating(5, 3, noise=0.0)
    passes = (frame.tokens / frame.unique_tokens).round()
    few = (frame.budget == frame.budget.max()) & (frame.params < frame.params.median())
    mixed = RunTable.from_frame(frame[np.where(few, passes == 4, passes == 1)])
    fresh = as_fresh(mixed, COST, lambda _: valley())
    again = mixed.tokens > 2 * mixed.unique  # type: ignore[operator]
    assert again.sum() == few.sum() / 4
    assert (fresh.table.loss[~again] == mixed.loss[~again]).all() and (
        fresh.table.loss[again] < mixed.loss[again]
    ).all()
    off = fresh.table.loss[again] - loss(mixed.params[again], mixed.tokens[again])
    assert np.abs(off).max() < np.abs(mixed.loss[again] - loss(mixed.params[again], mixed.tokens[again])).max()
    assert fresh.table.unique is None and "saw their tokens up to 4 times" in fresh.warnings[-1]


def test_without_fresh_runs_losses_count_as_they_are() -> None:
    repeated = table(passes=(4,))
    fresh = as_fresh(repeated, COST, lambda _: pytest.fail("there is nothing to learn from"))
    assert (fresh.table.loss == repeated.loss).all() and fresh.worth is None
    assert fresh.warnings == (
        "Too few runs saw fresh tokens alone: the losses of those that repeat tokens count as they are.",
    )


def test_what_the_runs_do_not_tell_is_said() -> None:
    fresh = as_fresh(table(passes=(1, 1.3)), COST, lambda _: valley())
    assert fresh.worth is None
    assert fresh.warnings == (
        "The 15 runs that repeat tokens do not tell what repetition is worth: the published constants of Muennighoff "
        "et al. 2023 stand for it.",
    )

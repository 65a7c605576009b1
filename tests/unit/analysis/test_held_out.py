"""A hold-out that is added to a fitted law is the one that the fit makes at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis import held_out as module
from analysis.held_out import held_out
from analysis.law import fit
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import table

FOUR = (1e18, 3e18, 1e19, 3e19)


def test_it_is_the_one_of_the_whole_fit_and_fits_the_earlier_budgets_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, fitted = table(budgets=FOUR), []
    whole, bare = fit(runs), fit(runs, holdout=False)

    def noted(earlier: RunTable, **options: object) -> object:
        fitted.append(len(earlier.budgets))
        return fit(earlier, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "fit", noted)
    found = held_out(bare, runs)
    assert fitted == [3] and len(whole.holdout) == 1
    assert (found.holdout, found.warnings, found.law_id) == (whole.holdout, whole.warnings, whole.law_id)


def test_a_law_that_could_not_be_fitted_has_none() -> None:
    runs = table(budgets=FOUR[:2])
    bare = fit(runs, holdout=False)
    assert bare.estimators == () and held_out(bare, runs) is bare


def test_where_runs_repeat_tokens_the_law_is_fitted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = table(budgets=FOUR[:3])
    again = replace(runs, unique=np.where(np.arange(len(runs)) == 0, runs.tokens / 8, runs.tokens))
    bare, asked = fit(runs, holdout=False), []
    monkeypatch.setattr(module, "fit", lambda found, cost: asked.append((found, cost)) or bare)
    assert held_out(bare, again) is bare and asked == [(again, bare.cost)]

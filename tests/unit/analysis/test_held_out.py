"""A hold-out that is added to a fitted law is the one that the fit makes at once."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from analysis import held_out as module
from analysis.fitting.cost import TokenCost
from analysis.held_out import held_out
from analysis.law import Law, fit
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import table

FOUR = (1e18, 3e18, 1e19, 3e19)


def test_it_is_the_one_of_the_whole_fit_and_fits_the_earlier_budgets_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = table(budgets=FOUR)
    fitted: list[int] = []
    whole, bare = fit(runs), fit(runs, holdout=False)

    def noted(earlier: RunTable, **options: Any) -> Law:
        fitted.append(len(earlier.budgets))
        return fit(earlier, **options)

    monkeypatch.setattr(module, "fit", noted)
    found = held_out(bare, runs)
    assert fitted == [3] and len(whole.holdout) == 1
    assert (found.holdout, found.warnings, found.law_id) == (whole.holdout, whole.warnings, whole.law_id)


def test_a_law_that_could_not_be_fitted_has_none() -> None:
    runs = table(budgets=FOUR[:2])
    bare = fit(runs, holdout=False)
    assert bare.estimators == () and held_out(bare, runs) is bare


def test_the_earlier_budgets_are_fitted_without_spikes_and_by_the_cost_of_the_law(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    law, calm = cast(Law, SimpleNamespace(estimators=("quadratic",), cost="its own")), table(budgets=FOUR[:1])
    asked: list[Any] = []
    monkeypatch.setattr(module, "set_aside_spikes", lambda _: calm)
    monkeypatch.setattr(module, "rolling_holdout", lambda runs, again: asked.append((runs is calm, again(runs))))
    monkeypatch.setattr(module, "fit", lambda runs, **options: options)
    monkeypatch.setattr(module, "with_holdout", lambda fitted, _: fitted)
    assert held_out(law, table(budgets=FOUR)) is law
    assert asked == [(True, {"cost": "its own", "holdout": False})]


def test_where_runs_repeat_tokens_the_law_is_fitted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = table(budgets=FOUR[:3])
    again = replace(runs, unique=np.where(np.arange(len(runs)) == 0, runs.tokens / 8, runs.tokens))
    bare = fit(runs, holdout=False)
    asked: list[tuple[RunTable, TokenCost]] = []

    def noted(found: RunTable, *, cost: TokenCost) -> Law:
        asked.append((found, cost))
        return bare

    monkeypatch.setattr(module, "fit", noted)
    assert held_out(bare, again) is bare and asked == [(again, bare.cost)]

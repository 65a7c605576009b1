"""Beliefs: those of the law at first, exact under rank-one updates, and never wider after a run."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.valley.posterior import optima
from analysis.fitting.valley.prior import unseen_share
from analysis.law import Law, fit
from analysis.suggest.beliefs import Beliefs
from analysis.suggest.cells import Cells
from analysis.suggest.scenarios import likely
from analysis.table.table import RunTable
from tests.unit.analysis.suggest.conftest import ASKED


@pytest.fixture(scope="module")
def known(law: Law, cells: Cells) -> Beliefs:
    assert law.valley is not None
    return Beliefs.of(likely(law.valley), cells, ASKED, len(law.curves))


def test_at_first_they_are_the_laws_own(law: Law, known: Beliefs) -> None:
    assert law.valley is not None
    own = optima(law.valley, np.log([ASKED]))
    assert known.precision().log_params_half == pytest.approx(float(own.log_params_half[0]), rel=1e-6)
    assert known.precision().loss_half == pytest.approx(float(own.loss_half[0]), rel=1e-6)


def test_updates_equal_one_joint_update_in_any_order(known: Beliefs) -> None:
    chosen = np.flatnonzero(known.runs == 0)[[0, 7, -1, -5]]
    joint = known.after(chosen[None])[0]
    for order in (chosen, chosen[::-1]):
        one = known.copy()
        for cell in order.tolist():
            one.learn(cell)
        assert np.allclose(one.log_variances(), joint, rtol=1e-8)
        assert np.allclose(one.answer_variances, _variances(known, chosen), rtol=1e-8)


def _variances(known: Beliefs, cells: np.ndarray) -> np.ndarray:
    """By a refit of the linear model: the normal equations in the space of cells and answers, (D, 2)."""
    found = []
    for draw in range(len(known.weights)):
        covariance = known.loaded[draw][cells] @ known.rows[draw][cells].T
        noise = np.diag(known.noise[draw] + known.misfit[draw, cells])
        cross = known.cross[draw, cells]
        found.append(known.answer_variances[draw] - np.diag(cross.T @ np.linalg.inv(covariance + noise) @ cross))
    return np.array(found)


def test_no_run_widens_what_one_draw_knows(known: Beliefs) -> None:
    for cell in range(0, len(known.runs), 9):
        one = known.copy()
        one.learn(cell)
        assert np.all(one.answer_variances <= known.answer_variances * (1 + 1e-12))


def test_a_repeat_adds_less_than_the_run_before_it(known: Beliefs) -> None:
    cell = np.flatnonzero(known.runs == 0)[:1]
    before = known.added(cell)
    one = known.copy()
    one.learn(int(cell[0]))
    assert np.all(one.added(cell) > before)


def test_a_run_far_from_the_valley_with_a_wrong_form_is_worth_less(law: Law, known: Beliefs) -> None:
    wrong = known.copy()
    wrong.misfit = known.misfit * 1e6 + 1e-12
    cell = int(np.argmax(np.abs(known.off_path) * (known.runs == 0)))
    gains = [one.log_variances() - one.after(np.array([[cell]]))[0] for one in (known, wrong)]
    assert np.all(gains[0] > 0)
    assert np.all(gains[1] < gains[0])


def test_more_budgets_will_show_what_few_cannot(runs: RunTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """The drift of the floor and the distance from an additive valley: as if the fit had been told of all budgets."""
    three = runs.select(runs.budget < 3)
    law = fit(three, holdout=False)
    assert law.valley is not None
    had, scenarios = Cells.run_already(three, 1), likely(law.valley)
    few, more = (Beliefs.of(scenarios, had, ASKED, budgets) for budgets in (3, 4))
    assert few.precision().loss_half > 1.1 * more.precision().loss_half
    own = optima(law.valley, np.log([ASKED]))
    assert few.precision().loss_half == pytest.approx(float(own.loss_half[0]), rel=1e-6)
    share = unseen_share(4)
    for module in ("analysis.fitting.valley.prior", "analysis.suggest.beliefs"):
        monkeypatch.setattr(f"{module}.unseen_share", lambda _: share)
    told = Beliefs.of(scenarios, had, ASKED, 4)
    assert np.allclose(more.answers, told.answers, rtol=1e-8)
    assert np.allclose(more.answer_variances, told.answer_variances, rtol=1e-6)

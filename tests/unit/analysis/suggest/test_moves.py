"""Moves and safeguards: curves open budgets to both sides of N*, missing sides and repeats are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.law import Law
from analysis.suggest.beliefs import Beliefs
from analysis.suggest.cells import Cells
from analysis.suggest.moves import BESIDE, missing_sides, moves, repeats_for_noise, whole_curve_near_top
from analysis.suggest.scenarios import to_choose_by
from tests.unit.analysis.suggest.conftest import ASKED


@pytest.fixture(scope="module")
def known(law: Law, cells: Cells) -> Beliefs:
    assert law.valley is not None
    return Beliefs.of(to_choose_by(law.valley), cells, ASKED, 5)


def test_a_budget_is_opened_by_sizes_to_both_sides_alone(law: Law, known: Beliefs, cells: Cells) -> None:
    found = moves(known, cells, only=float(cells.budgets[-1]))
    assert {blocks.shape[1] for blocks in found} == {3, 5}
    for blocks in found:
        off = known.off_path[blocks]
        assert np.all(off.min(axis=1) < 0)
        assert np.all(off.max(axis=1) > 0)


def test_a_side_without_a_size_is_filled(known: Beliefs, cells: Cells) -> None:
    assert missing_sides(known, cells) == []
    lame = known.copy()
    top = cells.budget == cells.budget[cells.runs > 0].max()
    lame.runs = np.where(top & (known.off_path > -BESIDE), 0, known.runs)
    spare = replace(cells, runs=lame.runs, most=cells.most + 1)
    found = missing_sides(lame, spare)
    assert len(found) == 1
    assert known.off_path[found[0]] > BESIDE
    assert bool(top[found[0]])


def test_repeats_show_the_noise_until_it_is_known(known: Beliefs, cells: Cells) -> None:
    found = repeats_for_noise(known, cells)
    assert len(found) == 3
    assert set(cells.budget[found].tolist()) == {float(cells.budgets[0])}
    assert repeats_for_noise(known, replace(cells, runs=np.where(cells.runs > 0, 2, 0))) == []


def test_a_whole_curve_is_asked_for_near_the_top(cells: Cells) -> None:
    assert whole_curve_near_top(cells.runs, cells)
    few = cells.runs.copy()
    for budget in cells.budgets[-4:]:
        few[np.flatnonzero(cells.budget == budget)[2:]] = 0
    assert not whole_curve_near_top(few, cells)

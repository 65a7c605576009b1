"""The order: within its spend, better with more, and no dearer than what it gains."""

from __future__ import annotations

from functools import lru_cache

import pytest

from analysis.law import Law
from analysis.suggest.beliefs import Beliefs
from analysis.suggest.cells import Cells
from analysis.suggest.order import Know, choose, expected
from analysis.suggest.records import Target
from tests.unit.analysis.suggest.conftest import ASKED


@pytest.fixture(scope="module")
def know(law: Law, cells: Cells) -> Know:
    valley = law.valley
    assert valley is not None
    return lru_cache(lambda budgets: Beliefs.of(valley, cells, ASKED, budgets))


def test_more_spend_narrows_more(know: Know, cells: Cells) -> None:
    widths = []
    for spend in (2e19, 2e20, 2e21):
        steps = choose(know, cells, cells.flops, spend, Target())
        assert 0 < sum(cells.flops[step.cell] for step in steps) <= spend * 1.000001
        last = expected(know, cells, steps)[-1]
        widths.append(last.log_params_half * last.loss_half)
    assert widths == sorted(widths, reverse=True)


def test_what_is_expected_falls_from_run_to_run(know: Know, cells: Cells) -> None:
    after = expected(know, cells, choose(know, cells, cells.flops, 2e20, Target()))
    first = know(len(set(cells.budget[cells.runs > 0].tolist()))).precision()
    assert after[-1].log_params_half < first.log_params_half
    assert after[-1].loss_half < first.loss_half

"""The rules that add runs of a pool: every one stays within its share and adds to the start."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.local_minima import LocalMinimum, local_minima
from benchmarks.suggest_rules import RULES, Case, answer, begin
from tests.unit.analysis.law_tables import table


@pytest.fixture(scope="module")
def case() -> Case:
    pool = table(noise=0.004)
    return Case("simulated", pool, 3e20, LocalMinimum(20.7, 2.5, 0.05, 0.005), local_minima(pool))


@pytest.mark.parametrize("name", list(RULES))
def test_a_rule_adds_runs_within_its_share(case: Case, name: str) -> None:
    begun = begin(case, np.random.default_rng(0))
    assert int(begun.sum()) == 15
    _, law = answer(case.pool.select(begun), case.flops)
    spend = 0.5 * float(case.pool.flops.sum())
    found = RULES[name](case, begun, law, spend, np.random.default_rng(0))
    assert np.all(found[begun])
    assert found.sum() > begun.sum()
    assert float(case.pool.flops[found].sum()) <= spend * 1.000001

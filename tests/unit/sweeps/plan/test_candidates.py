"""Cells that could be added to a sweep: its own and larger budgets, until the data or what was asked ends them."""

from __future__ import annotations

import pytest

from sweeps.file.spec import SizesSpec
from sweeps.plan.candidates import candidates
from sweeps.plan.plan import make_plan
from tests.unit.sweeps.plans import FACTS, Steady, facts, spec_of


def test_they_hold_the_plans_own_cells_and_go_on_at_its_ratio() -> None:
    spec = spec_of()
    found = candidates(spec, FACTS, 1.1e13, cost=Steady())
    budgets = sorted({run.budget for run in found.runs})
    assert budgets == pytest.approx([1e11, 3e11, 1e12, 10**12.5, 1e13], rel=0.01)
    own = {(run.budget, run.params) for run in make_plan(spec, FACTS).runs}
    assert own <= {(run.budget, run.params) for run in found.runs}
    assert all(run.seconds for run in found.runs)
    assert not found.stopped


def test_the_corpus_ends_them_with_the_reason() -> None:
    found = candidates(spec_of(), facts(700_000), 1e15)
    assert max(run.budget for run in found.runs) < 1e14
    assert "the corpus ends first: no budget has a whole curve" in found.stopped
    assert "epochs_max=" in found.stopped


def test_budgets_without_cells_for_another_reason_say_it() -> None:
    found = candidates(spec_of(recipe_overrides={"min_steps": 5000}), FACTS, 1e13)
    assert found.stopped.startswith("no cell of 1e11 FLOPs can be trained: ")
    assert "optimizer steps, fewer than 5000" in found.stopped and "epochs_max" not in found.dropped


def test_sizes_that_the_file_names_are_kept() -> None:
    found = candidates(spec_of(sizes=SizesSpec(params=(2e4, 4e4, 8e4))), FACTS, 1e12)
    assert len({run.params for run in found.runs}) == 3

"""The cells of a tuning, and what is said where there is none or nothing to search."""

from __future__ import annotations

from typing import Any

import pytest

from sweeps.file.spec import SizesSpec
from sweeps.plan.records import PlanError
from sweeps.tune.cells import LEFT_OUT, field_of
from tests.unit.sweeps.plans import FACTS, facts, spec_of


def places(**changes: Any) -> list[tuple[float, str]]:
    return [(cell.budget, cell.place) for cell in field_of(spec_of(**changes), FACTS).cells]


def test_ends_and_centre_of_the_smallest_and_of_a_middle_budget() -> None:
    field = field_of(spec_of(), FACTS)
    assert places() == [(b, p) for b in (1e11, 3e11) for p in ("left end", "centre", "right end")]
    assert (field.left_out.budget, field.left_out.place) == (1e12, LEFT_OUT)
    for cell in field.cells:
        assert cell.start.steps >= 100 and cell.flops == pytest.approx(cell.budget, rel=0.01)


def test_the_cell_of_the_test_is_left_out_of_a_small_sweep_too() -> None:
    one = {"budgets": (1e11,), "sizes": SizesSpec(count=3, span=2.0)}
    assert places(**one) == [(1e11, "left end"), (1e11, "right end")]
    assert field_of(spec_of(**one), FACTS).left_out.budget == 1e11


def test_a_curve_of_two_sizes_has_its_ends_and_one_of_one_its_centre() -> None:
    assert places(sizes=SizesSpec(count=2, span=2.0)) == [
        (b, p) for b in (1e11, 3e11) for p in ("left end", "right end")
    ]
    assert places(sizes=SizesSpec(count=1)) == [(1e11, "centre"), (3e11, "centre")]


def test_a_cell_of_as_many_sequences_as_the_fewest_steps_is_searched() -> None:
    last = field_of(spec_of(), FACTS).cells[2]
    least = last.start.sequences
    same, fewer = (field_of(spec_of(recipe_overrides={"min_steps": steps}), FACTS) for steps in (least, least + 1))
    assert same.cells[2].model == last.model != fewer.cells[2].model


def test_rules_hold_at_the_middle_of_the_cells() -> None:
    field = field_of(spec_of(), FACTS)
    assert field.at[:, 0].tolist() == [1.0] * 6
    assert field.at[:, 1:].sum(axis=0) == pytest.approx([0, 0], abs=0.05)


def test_a_start_that_leaves_too_few_steps_is_moved_to_where_it_can_be_trained() -> None:
    field = field_of(spec_of(recipe_overrides={"batch_tokens": 1e6}), FACTS)
    assert {cell.start.steps >= 100 for cell in field.cells} == {True}


@pytest.mark.parametrize(
    ("changes", "tokens", "said"),
    [
        (
            {"recipe_overrides": {"min_steps": 100_000}},
            20_000_000,
            "no cell can be tuned: .* fewer than the 100000 steps",
        ),
        ({}, 10_000, "no cell can be tuned: .* epochs of 10,000 unique tokens, above epochs_max"),
        ({"budgets": (1e11,), "sizes": SizesSpec(count=1)}, 20_000_000, "only one cell can be trained"),
        ({"recipe_overrides": {"warmup": 0.9}}, 20_000_000, "recipe cpu-small gives no start for L2 .* exceed"),
    ],
)
def test_cells_that_cannot_be_tuned(changes: dict[str, Any], tokens: int, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        field_of(spec_of(**changes), facts(tokens))

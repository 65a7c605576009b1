"""Changes that could give a law: what they are, their order, and that their overrides say the same as their sweep."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from sweeps.file.compose import load_sweep
from sweeps.file.serialise import to_yaml
from sweeps.file.spec import SizesSpec
from sweeps.plan.changes import Change, changes, enough_budgets_and_sizes, rounded, scaled
from sweeps.plan.records import Cause
from tests.unit.sweeps.plans import spec_of

SPEC = spec_of()


def overrides(cause: Cause | None, **values: object) -> list[str]:
    return [" ".join(change.overrides) for change in changes(Change(spec_of(**values)), cause)]


@pytest.mark.parametrize("cause", [*Cause, None])
def test_overrides_give_the_changed_sweep_when_they_are_typed(cause: Cause | None) -> None:
    spec = spec_of(recipe_overrides={"lr": 0.01})
    found = list(changes(Change(spec), cause))
    assert found
    for change in found:
        assert load_sweep(to_yaml(spec), change.overrides) == change.spec


def test_more_passes_come_before_smaller_budgets_and_many_passes_last() -> None:
    found = overrides(Cause.DATA)
    assert found[:6] == [f"epochs_max={passes}" for passes in ("1.5", "2", "2.5", "3", "3.5", "4")]
    assert found[6] == "budgets=[7.94e10, 2.38e11, 7.94e11]"
    assert found[25] == "budgets=[1e09, 3e09, 1e10]"
    assert found[26:29] == ["sizes.span=2.6", "sizes.span=2.3", "sizes.span=2"]
    assert "epochs_max=4 budgets=[7.94e10, 2.38e11, 7.94e11]" in found
    assert found[-7:] == [f"epochs_max={passes}" for passes in (6, 8, 12, 16, 24, 32, 40)]
    assert overrides(Cause.DATA, epochs_max=4.0)[0].startswith("budgets=")
    assert overrides(Cause.DATA, epochs_max=9.0)[-1] == "epochs_max=40"
    assert not any("epochs_max=8" in entry for entry in overrides(Cause.DATA, epochs_max=9.0))


def test_too_few_steps_call_for_larger_budgets() -> None:
    found = overrides(Cause.FEW_STEPS)
    assert found[0] == "budgets=[1.26e11, 3.78e11, 1.26e12]"
    assert found[5] == "budgets=[3.98e11, 1.19e12, 3.98e12]" and found[6] == "sizes.span=2.6"
    assert [entry for entry in found if "context" in entry] == ["context=64", "context=32", "context=16"]
    assert found[-14] == "budgets=[5.01e11, 1.5e12, 5.01e12]" and found[-1] == "budgets=[1e13, 3e13, 1e14]"


def test_a_missed_budget_calls_for_a_shorter_context_unless_it_varies() -> None:
    assert overrides(Cause.OFF_BUDGET)[:4] == [
        "context=64",
        "context=32",
        "context=16",
        "budgets=[1.26e11, 3.78e11, 1.26e12]",
    ]
    assert overrides(Cause.OFF_BUDGET, vary={"context": [64, 128]})[0].startswith("budgets=")


def test_equal_shapes_call_for_a_wider_span_and_explicit_sizes_are_left() -> None:
    found = overrides(Cause.SAME_SHAPE)
    assert found[:2] == ["sizes.span=3.8", "sizes.span=4.8"]
    assert all(float(entry.removeprefix("sizes.span=")) <= 12 for entry in found if "span" in entry)
    assert overrides(Cause.SAME_SHAPE, sizes=SizesSpec(params=(1, 2)))[0].startswith("budgets=")


def test_a_grid_without_a_law_for_no_dropped_cell_is_widened() -> None:
    found = overrides(None)
    assert found[0] == "sizes.span=3.8"
    assert found[-4:-2] == ["sizes.count=9", "sizes.count=11"]
    assert found[-2:] == ["budgets=[1e11, 3e11, 1e12, 3.16e12]", "budgets=[1e11, 3e11, 1e12, 3.16e12, 1e13]"]
    assert overrides(Cause.CONTRADICTION) == ["recipe_overrides={}"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ()),
        ({"budgets": (1e11, 2e11)}, ("budgets=[5e10, 1e11, 2e11]",)),
        ({"budgets": (1e11, 9e11)}, ("budgets=[1e11, 3e11, 9e11]",)),
        ({"budgets": (1e11,)}, ("budgets=[2.5e10, 5e10, 1e11]",)),
        ({"sizes": SizesSpec(count=4)}, ("sizes.count=7",)),
        ({"sizes": SizesSpec(count=5)}, ()),
        ({"sizes": SizesSpec(params=(1, 2, 3, 4))}, ("sizes={count: 7}",)),
        ({"sizes": SizesSpec(params=(1, 2, 3, 4, 5))}, ()),
        ({"budgets": (1e11,), "sizes": SizesSpec(count=1)}, ("budgets=[2.5e10, 5e10, 1e11]", "sizes.count=7")),
    ],
)
def test_what_a_law_needs_in_any_case(values: dict[str, object], expected: tuple[str, ...]) -> None:
    change = enough_budgets_and_sizes(Change(spec_of(**values)))
    assert change.overrides == expected
    sizes = change.spec.sizes
    assert len(change.spec.budgets) >= 3 and max(len(sizes.params), 0 if sizes.params else sizes.count) >= 5


def test_budgets_are_scaled_in_three_digits() -> None:
    assert scaled(SPEC, 1 / 3) == (3.33e10, 1e11, 3.33e11)
    assert rounded(iter([123456.0])) == (123000.0,)
    steps = [change.spec.budgets[0] for change in itertools.islice(changes(Change(SPEC), Cause.FEW_STEPS), 6)]
    assert steps == sorted(steps)


def test_a_change_on_top_of_another_replaces_the_same_key_once() -> None:
    start = enough_budgets_and_sizes(Change(replace(SPEC, budgets=(1e11,))))
    first = next(iter(changes(start, Cause.FEW_STEPS)))
    assert first.overrides == ("budgets=[3.15e10, 6.29e10, 1.26e11]",)

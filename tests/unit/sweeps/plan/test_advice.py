"""The warnings of a plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.wording import format_count
from sweeps.file.spec import CentreSpec, LimitsSpec, SeedsSpec, SizesSpec
from sweeps.plan.plan import make_plan
from sweeps.plan.records import Cause, DataFacts, DomainFacts, PlanError
from tests.unit.sweeps.plans import FACTS, Steady, spec_of


def test_warnings_outside_what_runs_have_shown() -> None:
    assert make_plan(spec_of(), FACTS).warnings == ()
    small = make_plan(
        spec_of(recipe="porian-olmo", centre=CentreSpec(tokens_per_param=20.0), budgets=(1e14, 2e14)), FACTS
    )
    text = "\n".join(small.warnings)
    assert "parameters, outside 5 M to 5 B where recipe porian-olmo is proven" in text
    assert "2 budgets: a power law needs at least 3" in text
    wide = make_plan(spec_of(sizes=SizesSpec(span=10.0), seeds=SeedsSpec(smallest_budget=3)), FACTS)
    cells = {(run.budget, run.size_id): run.params for run in wide.runs}
    outside = [budget for (budget, _), params in cells.items() if not 9_000 <= params <= 700_000]
    (sentence,) = (w for w in wide.warnings if "parameters, outside" in w and "tokens" not in w)
    assert sentence.startswith(f"{len(outside)} of {len(cells)} cells have ")
    assert f"{outside.count(1e11)} at 1e11 FLOPs" in sentence
    few = make_plan(spec_of(sizes=SizesSpec(count=4)), DataFacts("d" * 64, 1024, 20_000_000, 5000))
    assert "4 sizes are left at 1e11 FLOPs: the fit refuses fewer than 5" in few.warnings
    assert any(warning.startswith("5,000 validation tokens") for warning in few.warnings)


def test_what_differs_from_a_recipes_source_is_said_once() -> None:
    large = DataFacts("d" * 64, 1024, 10**13, 200_000)
    plan = make_plan(
        spec_of(recipe="marin-2025", budgets=(1e19, 3e19), centre=CentreSpec(), vary={"qk_norm": [True, False]}), large
    )
    said = [warning for warning in plan.warnings if warning.startswith("recipe marin-2025 differs from its source: ")]
    assert len(said) == 1 and "Cautious Adam" in said[0]


def test_enough_sizes_budgets_and_tokens_are_no_reason_to_warn() -> None:
    assert (
        make_plan(spec_of(sizes=SizesSpec(count=5, span=2.5)), replace(FACTS, validation_tokens=128_000)).warnings == ()
    )
    (few,) = make_plan(spec_of(), replace(FACTS, validation_tokens=127_999)).warnings
    assert few == "127,999 validation tokens, fewer than 128,000: the evaluation adds noise to every loss"


def test_one_is_said_in_the_singular() -> None:
    warnings = make_plan(spec_of(budgets=(1e11,), sizes=SizesSpec(params=(5_000,))), FACTS).warnings
    assert warnings[0].startswith("1 of 1 cells has 4.46 k parameters, outside 9 k to 700 k where")
    assert warnings[-2:] == (
        "1 size is left at 1e11 FLOPs: the fit refuses fewer than 5",
        "1 budget: a power law needs at least 3",
    )


def test_a_curve_that_is_too_short_names_its_combination() -> None:
    plan = make_plan(spec_of(vary={"min_steps": [100, 2000]}), FACTS)
    short = [warning for warning in plan.warnings if "sizes are left" in warning]
    assert short and all(" FLOPs with min_steps=2000: the fit refuses fewer than 5" in warning for warning in short)


def test_depths_are_mixed_only_where_the_recipe_keeps_one() -> None:
    shapes = ({"d_model": 16}, {"d_model": 32, "n_layers": 3})
    assert any("a step in depth" in w for w in make_plan(spec_of(sizes=SizesSpec(shapes=shapes)), FACTS).warnings)
    large = DataFacts("d" * 64, 1024, 10**13, 200_000)
    deep = spec_of(recipe="porian-olmo", budgets=(1e17, 3e17, 1e18), centre=CentreSpec(), sizes=SizesSpec(span=4.0))
    plan = make_plan(deep, large)
    assert len({run.run.model.n_layers for run in plan.runs}) > 1
    assert not any("a step in depth" in warning for warning in plan.warnings)


def test_hours_without_a_known_speed_cannot_be_checked() -> None:
    limited = spec_of(limits=LimitsSpec(hours=5.0))
    assert make_plan(limited, FACTS).warnings == (
        "limits.hours cannot be checked: the speed of this device is not known yet",
    )
    assert make_plan(limited, FACTS, Steady()).warnings == ()


def test_a_range_that_cells_leave_is_named_with_how_many_leave_it_where() -> None:
    plan = make_plan(spec_of(recipe_overrides={"batch_tokens": 8192}), FACTS)
    (batch,) = (warning for warning in plan.warnings if "tokens a step" in warning)
    outside = [run for run in plan.runs if not 256 <= run.batch_tokens <= 1920]
    low, high = min(run.batch_tokens for run in outside), max(run.batch_tokens for run in outside)
    assert batch.startswith(
        f"{len(outside)} of {len(plan.runs)} cells have {format_count(low)} to {format_count(high)} tokens a step, "
    )


def test_a_domain_that_runs_out_is_said_with_its_epochs() -> None:
    domains = (DomainFacts("code", 90_000_000, 0.5), DomainFacts("prose", 500_000, 0.5))
    facts = replace(FACTS, train_tokens=1_000_000, domains=domains, sets=(("prose", 130_000),))
    plan = make_plan(spec_of(epochs_max=4.0), facts)
    again = [run.tokens / 1_000_000 for run in plan.runs if run.tokens > 1_000_000]
    assert again and any(drop.cause is Cause.DATA for drop in plan.dropped)
    assert (
        f"domain prose runs out: at 50.0% by weight {len(again)} of {len(plan.runs)} runs read its 500,000 tokens more "
        f"than once, up to {max(again):.1f} epochs"
    ) in plan.warnings
    reasons = [drop.reason for drop in plan.dropped if drop.cause is Cause.DATA]
    assert all("epochs of domain prose, 500,000 tokens at 50.0%, above epochs_max = 4" in each for each in reasons)


def test_a_small_validation_set_is_named() -> None:
    (few,) = make_plan(spec_of(), replace(FACTS, sets=(("wiki", 5_000),))).warnings
    assert few.startswith("5,000 validation tokens in set wiki, fewer than 128,000")
    with pytest.raises(PlanError, match="validation set wiki has 100 tokens, fewer than one sequence of 128"):
        make_plan(spec_of(), replace(FACTS, sets=(("wiki", 100),)))

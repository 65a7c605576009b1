"""The warnings of a plan."""

from __future__ import annotations

from sweeps.file.spec import CentreSpec, SeedsSpec, SizesSpec
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts
from tests.unit.sweeps.plans import FACTS, spec_of


def test_warnings_outside_what_runs_have_shown() -> None:
    assert make_plan(spec_of(), FACTS).warnings == ()
    small = make_plan(
        spec_of(recipe="porian-olmo", centre=CentreSpec(tokens_per_param=20.0), budgets=(1e14, 2e14)), FACTS
    )
    text = "\n".join(small.warnings)
    assert "parameters, outside 5e+06 to 5e+09 where recipe porian-olmo is proven" in text
    assert "2 budgets: a power law needs at least 3" in text
    wide = make_plan(spec_of(sizes=SizesSpec(span=10.0), seeds=SeedsSpec(smallest_budget=3)), FACTS)
    cells = {(run.budget, run.size_id): run.params for run in wide.runs}
    outside = [budget for (budget, _), params in cells.items() if not 9_000 <= params <= 700_000]
    (sentence,) = (w for w in wide.warnings if "parameters, outside" in w and "tokens" not in w)
    assert sentence.startswith(f"{len(outside)} of {len(cells)} cells have ")
    assert f"{outside.count(1e11)} at 1e+11 FLOPs" in sentence
    few = make_plan(spec_of(sizes=SizesSpec(count=4)), DataFacts("d" * 64, 1024, 20_000_000, 5000))
    assert "4 sizes are left at 1e+11 FLOPs: the fit refuses fewer than 5" in few.warnings
    assert any(warning.startswith("5,000 validation tokens") for warning in few.warnings)

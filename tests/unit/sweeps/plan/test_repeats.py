"""What repeats tell of the noise: in the plan, from an earlier revision, and in words."""

from __future__ import annotations

import pytest

from sweeps.file.spec import SeedsSpec
from sweeps.plan.plan import make_plan
from sweeps.plan.repeats import repeats
from tests.unit.sweeps.plans import FACTS, spec_of


def test_a_plan_names_the_cells_that_repeat_and_how_well_the_noise_will_be_known() -> None:
    found = repeats(make_plan(spec_of(seeds=SeedsSpec(smallest_budget=3, largest_budget=2)), FACTS))
    assert [(cell.budget, cell.seeds) for cell in found.cells] == [(1e11, 3), (1e12, 2)]
    assert found.degrees_of_freedom == 3
    assert found.sigma_interval == pytest.approx((0.566, 3.73), rel=1e-2)
    varied = spec_of(seeds=SeedsSpec(default=2), vary={"qk_norm": [True, False]})
    assert repeats(make_plan(varied, FACTS)).degrees_of_freedom == 21, "a law is of one combination alone"
    assert repeats(make_plan(spec_of(), FACTS)).sigma_interval is None

"""What repeats tell of the noise: in the plan, from an earlier revision, and in words."""

from __future__ import annotations

import pytest

from analysis.law import fit
from analysis.wording import noise_sentences
from orchestrator.use_cases.sweep_answers import earlier_noise
from sweeps.file.spec import SeedsSpec
from sweeps.plan.expected_width import TAKEN_FOR_GRANTED
from sweeps.plan.plan import make_plan
from sweeps.plan.repeats import repeats
from tests.unit.analysis.law_tables import table
from tests.unit.orchestrator.use_cases.test_sweep_answers import FACTS, sweep_laws
from tests.unit.sweeps.plan.test_plan import spec_of


def test_a_plan_names_the_cells_that_repeat_and_how_well_they_will_tell_the_noise() -> None:
    told = repeats(make_plan(spec_of(seeds=SeedsSpec(smallest_budget=3, largest_budget=2)), FACTS))
    assert [(cell.budget, cell.seeds) for cell in told.cells] == [(1e11, 3), (1e12, 2)]
    assert told.degrees_of_freedom == 3
    assert told.sigma_interval == pytest.approx((0.566, 3.73), rel=1e-2)
    varied = spec_of(seeds=SeedsSpec(default=2), vary={"qk_norm": [True, False]})
    assert repeats(make_plan(varied, FACTS)).degrees_of_freedom == 21, "a law is of one combination alone"
    assert repeats(make_plan(spec_of(), FACTS)).sigma_interval is None


def test_an_earlier_revision_tells_the_noise_to_expect() -> None:
    few, many = (sweep_laws(seeds=SeedsSpec(largest_budget=count)) for count in (2, 8))
    assert earlier_noise([few]) == TAKEN_FOR_GRANTED, "one degree of freedom says next to nothing"
    noise = earlier_noise([few, many])
    assert noise.sigma == pytest.approx(0.002, rel=0.6) and noise.sigma != TAKEN_FOR_GRANTED.sigma
    assert noise.source == "7 degrees of freedom of s@abcd"
    assert earlier_noise([]) == TAKEN_FOR_GRANTED


def test_noise_is_said_with_its_degrees_of_freedom_and_interval() -> None:
    law = fit(table(noise=0.01, repeats=3, seed=1), holdout=False)
    scatter, seeds = noise_sentences(law.noise, "nats/token")
    noise = law.noise
    assert f"{1000 * noise.sigma:.3g}×10⁻³ nats/token ({noise.degrees_of_freedom} degrees of freedom)" in scatter
    assert noise.seed_sigma is not None and noise.seed_sigma_interval is not None
    low, high = noise.seed_sigma_interval.low, noise.seed_sigma_interval.high
    assert noise.seed_degrees_of_freedom == 4
    assert (low / noise.seed_sigma, high / noise.seed_sigma) == pytest.approx((0.599, 2.874), rel=1e-3)
    assert f"(4 degrees of freedom, 95 % interval {1000 * low:.3g}×10⁻³ to {1000 * high:.3g}×10⁻³)" in seeds
    assert seeds.endswith("at 10¹⁸ and " + seeds.split(" and ")[-1]) and seeds.endswith("at 10²⁰ FLOPs.")
    assert [entry.degrees_of_freedom for entry in noise.seed_sigma_by_budget] == [2, 2]
    alone = noise_sentences(fit(table(), holdout=False).noise, "nats/token")[-1]
    assert alone.startswith("No cell was repeated")

"""The noise that earlier revisions have measured, as soon as one has enough repeats."""

from __future__ import annotations

import pytest

from orchestrator.use_cases.noise import earlier_noise
from sweeps.file.spec import SeedsSpec
from sweeps.plan.expected_width import USUAL_NOISE
from tests.unit.orchestrator.use_cases.simulated import simulated_answers


def test_the_first_revision_with_enough_repeats_gives_the_noise() -> None:
    few = simulated_answers()
    many = simulated_answers("m", seeds=SeedsSpec(largest_budget=4))
    noise = earlier_noise([few, many])
    assert noise.sigma == pytest.approx(0.002, rel=1)
    assert noise.source.endswith("degrees of freedom of m@abcd")
    assert earlier_noise([few]) is USUAL_NOISE
    assert earlier_noise([]) is USUAL_NOISE


def test_an_earlier_revision_has_measured_the_noise_to_expect() -> None:
    few, many = (simulated_answers(seeds=SeedsSpec(largest_budget=count)) for count in (2, 8))
    assert earlier_noise([few]) == USUAL_NOISE, "one degree of freedom says next to nothing"
    noise = earlier_noise([few, many])
    assert noise.sigma == pytest.approx(0.002, rel=0.6) and noise.sigma != USUAL_NOISE.sigma
    assert noise.source == "7 degrees of freedom of s@abcd"
    assert earlier_noise([]) == USUAL_NOISE

"""Devices as a plan sees them."""

from __future__ import annotations

import pytest

from analysis.devices import DEVICES
from sweeps.plan.cost import CostModel
from sweeps.plan.hours import DeviceCost
from sweeps.plan.plan import make_plan
from tests.unit.sweeps.plans import FACTS, Steady, spec_of


@pytest.mark.parametrize("cost", [DeviceCost(DEVICES["h100"]), Steady()])
def test_where_nothing_is_known_of_others_beside_a_run_it_takes_its_own_time(cost: CostModel) -> None:
    run = make_plan(spec_of(), FACTS, cost).runs[0]
    alone, among = (cost.seconds(run.run.model, run.run.train, mates) for mates in (1, 16))
    assert alone == among == run.seconds == run.seconds_alone
    assert cost.processes(run.run.model, run.run.train, 16) == run.processes == 1

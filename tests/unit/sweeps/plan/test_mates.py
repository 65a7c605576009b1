"""What a planned run takes of a device that trains others of its stack along."""

from __future__ import annotations

from collections import Counter

import pytest

from model.config import ModelConfig, TrainConfig
from model.flops import count_parameters
from model.stacked.grouping import stack_key
from sweeps.file.spec import SeedsSpec
from sweeps.plan.plan import make_plan, plan_of_runs
from tests.unit.sweeps.plans import FACTS, Steady, spec_of


class Stacking(Steady):
    """A device on which K runs of a stack take the time of one; above 6e4 parameters it trains two side by side."""

    def seconds(self, model: ModelConfig, train: TrainConfig, mates: int = 1) -> float | None:
        """The seconds of one, shared."""
        return (super().seconds(model, train) or 0.0) / mates

    def processes(self, model: ModelConfig, train: TrainConfig, mates: int = 1) -> int:
        """Two where that is faster than a stack."""
        return 2 if count_parameters(model).matmul > 6e4 and mates == 1 else 1


SPEC = spec_of(seeds=SeedsSpec(default=3), recipe_check=True)


@pytest.mark.parametrize("devices", [1, 2, 100])
def test_a_run_takes_its_part_of_the_stack_that_each_device_has(devices: int) -> None:
    plan = make_plan(SPEC, FACTS, Stacking(), workers=devices)
    counted = Counter(stack_key(run.run.to_dict(), run.params) for run in plan.all_runs)
    assert max(counted.values()) > 6, "the checks of the recipe are in the stacks, too"
    for run in plan.all_runs:
        mates = -(-counted[stack_key(run.run.to_dict(), run.params)] // devices)
        assert run.seconds == run.seconds_alone == pytest.approx(run.flops / 1e10 / mates)
        assert run.processes == (2 if run.params > 6e4 and mates == 1 else 1)
        assert run.to_dict()["processes"] == run.processes


def test_chosen_runs_are_timed_in_the_same_way() -> None:
    spec = spec_of(seeds=SeedsSpec(default=3))
    plan = make_plan(spec, FACTS)
    assert {run.processes for run in plan.runs} == {1}
    chosen = plan_of_runs(spec, plan.runs, FACTS, Stacking())
    assert chosen.runs == make_plan(spec, FACTS, Stacking()).runs
    assert chosen.seconds == pytest.approx(sum(run.flops for run in plan.runs) / 1e10 / 3)


def test_experts_are_in_no_stack_and_take_their_own_time() -> None:
    plan = make_plan(spec_of(model={"experts": 4}), FACTS, Stacking())
    assert all(run.seconds == pytest.approx(run.flops / 1e10) for run in plan.runs)

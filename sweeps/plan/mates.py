"""What each run takes of a device that trains others like it along: stacked, or side by side. Pure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from model.stacked.grouping import stack_key
from sweeps.plan.cost import CostModel
from sweeps.plan.records import Plan, PlannedRun


def with_mates(plan: Plan, cost: CostModel | None, devices: int) -> Plan:
    """The plan with the seconds that each run takes as one of the part of its stack that each of the devices has."""
    if cost is None:
        return plan
    stacks = {run.run_id: stack_key(run.run.to_dict(), run.params) for run in plan.all_runs}
    counted = Counter(stacks.values())

    def arranged(run: PlannedRun) -> PlannedRun:
        """The run among its mates."""
        stack, model, train = stacks[run.run_id], run.run.model, run.run.train
        mates = math.ceil(counted[stack] / max(devices, 1)) if stack else 1
        seconds, processes = cost.seconds(model, train, mates), cost.processes(model, train, mates)
        return replace(run, seconds=seconds, seconds_alone=seconds, processes=processes)

    return replace(plan, runs=tuple(map(arranged, plan.runs)), checks=tuple(map(arranged, plan.checks)))

"""What tests of programs share: the run that a law recommends, under any recipe and data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from analysis.records import Interval
from sweeps.plan.combination import Combination
from sweeps.plan.plan import plan_single
from sweeps.programs.optimum import Optimum
from tests.unit.sweeps.plans import FACTS, spec_of

FLOPS, PARAMS = 3e12, 1.5e5


def optimum(vary: dict[str, Any] | None = None, epochs_max: float = 9.0, **changes: Any) -> Optimum:
    """The run of PARAMS parameters at FLOPs, with `vary` the values of its axes; `changes` are keys of the sweep."""
    axes = {axis: [value] for axis, value in (vary or {}).items()}
    spec = spec_of(vary=axes, **changes)
    planned = plan_single(replace(spec, epochs_max=epochs_max), FACTS, FLOPS, PARAMS, vary=Combination.of(vary or {}))
    return Optimum(
        "t@abcd",
        spec,
        planned,
        3.21,
        Interval(3.2, 3.22),
        "nats/token",
        2.5,
        "on an h100 at 40 % of its peak",
        ("Beware.",),
    )

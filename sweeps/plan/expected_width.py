"""What a plan's grid would tell, before any run: the half-widths to expect of its forecasts, by simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from analysis.answers.expected import DEFAULT_NOISE, ExpectedWidth, expected_widths
from analysis.fitting.cost import TokenCost
from analysis.records import LawError
from sweeps.plan.records import Plan, PlannedRun

__all__ = ["DEFAULT_NOISE", "TAKEN_FOR_GRANTED", "Expected", "KnownNoise", "expect"]

MOST_GRIDS: Final = 3
"""Different grids of a sweep that are simulated, a third of a second each."""


@dataclass(frozen=True)
class KnownNoise:
    """The noise between seeds that is expected of a sweep."""

    sigma: float
    """Standard deviation, nats per token."""
    source: str
    """Where it comes from."""


TAKEN_FOR_GRANTED: Final = KnownNoise(DEFAULT_NOISE, "usual of small runs")


@dataclass(frozen=True)
class Expected:
    """What to expect of one combination of a sweep's axes."""

    vary: dict[str, Any]
    """Values of the axes."""
    widths: tuple[ExpectedWidth, ...] = ()
    """By multiple of the largest budget; empty where there will be no law."""
    refusal: str = ""
    """Why the grid could give no law."""


def expect(plan: Plan, noise: KnownNoise = TAKEN_FOR_GRANTED) -> tuple[Expected, ...]:
    """The expected widths of each combination of axes; combinations with the same grid share one simulation.

    Of more than `MOST_GRIDS` different grids the first are simulated and the rest left out.
    """
    combinations: dict[str, tuple[dict[str, Any], list[PlannedRun]]] = {}
    for run in plan.runs:
        for vary in run.combinations:
            combinations.setdefault(str(vary), (vary, []))[1].append(run)
    known: dict[tuple[tuple[float, ...], ...], tuple[tuple[ExpectedWidth, ...], str]] = {}
    made = []
    for vary, runs in combinations.values():
        grid = tuple((run.budget, run.flops, float(run.params), float(run.tokens)) for run in sorted(runs, key=_place))
        if grid not in known:
            if len(known) == MOST_GRIDS:
                continue
            known[grid] = _simulate(runs, noise.sigma)
        made.append(Expected(vary, *known[grid]))
    return tuple(made)


def _place(run: PlannedRun) -> tuple[float, int, int]:
    return run.budget, run.params, run.seed


def _simulate(runs: list[PlannedRun], sigma: float) -> tuple[tuple[ExpectedWidth, ...], str]:
    params, tokens = [float(run.params) for run in runs], [float(run.tokens) for run in runs]
    flops = [run.flops for run in runs]
    try:
        cost = TokenCost.from_nodes(params, [c / d for c, d in zip(flops, tokens, strict=True)])
        budgets = [run.budget for run in runs]
        return expected_widths(flops, params, tokens, budgets=budgets, cost=cost, noise=sigma), ""
    except LawError as error:
        return (), str(error)

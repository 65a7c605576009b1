"""What a plan's grid can answer, by simulation before any run: expected half-widths, and how far they reach."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from analysis.answers.expected import DEFAULT_NOISE, ExpectedWidth, expected_widths
from analysis.fitting.cost import TokenCost
from analysis.records import LawError
from sweeps.plan.combination import Combination
from sweeps.plan.records import Plan, PlannedRun

__all__ = ["DEFAULT_NOISE", "USUAL_NOISE", "Expected", "KnownNoise", "expect"]

_Row = tuple[float, float, float, float]
"""A run's budget, FLOPs, N and D."""
REMEMBERED: Final = 64
"""Grids whose widths a process keeps: a plan is looked at more than once, and hours are filled with grid after grid."""
MOST_GRIDS: Final = 3
"""Different grids of a sweep that are simulated, about a second each."""
SHOWN: Final = (10.0, 100.0)
"""Multiples of the largest budget whose widths are shown."""
MULTIPLES: Final = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0, 200.0, 300.0)
"""Multiples of the largest budget at which widths are looked up, ascending."""
WIDEST_PARAMS: Final = 1.5
"""Factor to each side of N* within which an answer counts as useful."""
WIDEST_LOSS: Final = 0.1
"""Half-width of the loss, nats per token, within which an answer counts as useful."""


@dataclass(frozen=True)
class KnownNoise:
    """The noise between seeds that is expected of a sweep."""

    sigma: float
    """Standard deviation, nats per token."""
    source: str
    """Where the figure comes from."""


USUAL_NOISE: Final = KnownNoise(DEFAULT_NOISE, "usual for small runs")
"""The noise where no earlier runs of the sweep have measured it."""


@dataclass(frozen=True)
class Expected:
    """What to expect of one combination of a sweep's axes."""

    vary: Combination
    """Values of the axes."""
    widths: tuple[ExpectedWidth, ...] = ()
    """By multiple of the largest budget, ascending; empty where there will be no law."""
    refusal: str = ""
    """Why the grid could give no law; empty where it gives one."""

    @property
    def reach(self) -> float:
        """The largest multiple up to which every width is useful; 0 where none is."""
        reached = 0.0
        for width in self.widths:
            if width.params_factor > WIDEST_PARAMS or width.loss > WIDEST_LOSS:
                break
            reached = width.multiple
        return reached

    @property
    def shown(self) -> tuple[ExpectedWidth, ...]:
        """The widths at the multiples that are shown."""
        return tuple(width for width in self.widths if width.multiple in SHOWN)

    def to_dict(self) -> dict[str, Any]:
        """As `isoflop plan -o json` shows it."""
        return {
            "vary": self.vary.to_dict(),
            "widths": [
                {"multiple": width.multiple, "params_factor": width.params_factor, "loss": width.loss}
                for width in self.shown
            ],
            "refusal": self.refusal or None,
        }


def expect(plan: Plan, noise: KnownNoise = USUAL_NOISE) -> tuple[Expected, ...]:
    """The expected widths of each combination of axes; combinations with the same grid share one simulation.

    Of more than `MOST_GRIDS` different grids the first are simulated and the rest left out.
    """
    known: dict[tuple[_Row, ...], tuple[tuple[ExpectedWidth, ...], str]] = {}
    made = []
    for vary, runs in plan.by_combination.items():
        grid = tuple(_row(run) for run in sorted(runs, key=_order))
        if grid not in known:
            if len(known) == MOST_GRIDS:
                continue
            known[grid] = _simulate(tuple(_row(run) for run in runs), noise.sigma)
        made.append(Expected(vary, *known[grid]))
    return tuple(made)


def _row(run: PlannedRun) -> _Row:
    return run.budget, run.flops, float(run.params), float(run.tokens)


def _order(run: PlannedRun) -> tuple[float, int, int]:
    return run.budget, run.params, run.seed


@lru_cache(maxsize=REMEMBERED)
def _simulate(runs: tuple[_Row, ...], sigma: float) -> tuple[tuple[ExpectedWidth, ...], str]:
    """The widths of a grid, or none and why it could give no law."""
    budgets, flops, params, tokens = map(list, zip(*runs, strict=True))
    try:
        cost = TokenCost.from_nodes(params, [c / d for c, d in zip(flops, tokens, strict=True)])
        widths = expected_widths(flops, params, tokens, budgets=budgets, cost=cost, noise=sigma, multiples=MULTIPLES)
    except LawError as error:
        return (), str(error)
    return widths, ""

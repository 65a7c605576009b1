"""What a design without losses will come to know: simulated as a plan of a grid is, then fitted, in the median.

The updates of one law keep its scales, and a law of three curves knows little of misfit and drift: on published tables
the half-widths of N* come out 1.2 to 1.3 times as wide as it expects, 1.1 times as wide as by fits of the whole design.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.answers.usual import usual_outcomes
from analysis.fitting import headline
from analysis.fitting.surface import Origin
from analysis.fitting.threads import one_thread
from analysis.fitting.valley.posterior import learn
from analysis.records import LawError
from analysis.suggest.records import Precision, SuggestedRun
from analysis.table.table import RunTable

Floats = NDArray[np.float64]

DRAWS = 5
"""Simulated outcomes of a design, as of a grid."""
FITTED = 4
"""Points of a course whose outcomes are fitted; the widths between them follow those of the rank-one updates."""


@dataclass(frozen=True, eq=False)
class Design:
    """Runs in their order with simulated losses."""

    runs: tuple[SuggestedRun, ...]
    """The runs; those after which there can be a law say what the updates of one law expect."""
    flops: float
    """The asked budget, training FLOPs."""
    outcomes: tuple[RunTable, ...]
    """Tables of the runs, row by row; the same worlds at every point of the course."""

    @classmethod
    def of(cls, runs: Sequence[SuggestedRun], flops: float, noise: float) -> Design:
        """As published sweeps come out with this noise between seeds; equal runs have equal losses."""
        frame = pd.DataFrame(
            {
                "flops": [run.flops for run in runs],
                "params": [run.params for run in runs],
                "tokens": [run.tokens for run in runs],
                "budget": [run.budget for run in runs],
                "seed": np.arange(len(runs)),
                "loss": np.linspace(4.0, 3.0, len(runs)),
            }
        )
        table = RunTable.from_frame(frame, loss_unit="nats/token")
        return cls(tuple(runs), flops, tuple(usual_outcomes(table, noise, DRAWS)))

    def known(self, count: int) -> Precision:
        """How closely the answers are known after so many runs. Raises LawError where most outcomes give no law."""
        found, failure = [], LawError("the runs give no law")
        for table in self.outcomes:
            try:
                found.append(_known(table.select(np.arange(len(table)) < count), self.flops))
            except LawError as error:
                failure = error
        if len(found) <= len(self.outcomes) // 2:
            raise failure
        return Precision(*map(float, np.median(found, axis=0)))

    def course(self, last: Precision) -> tuple[SuggestedRun, ...]:
        """The runs with what is expected after each, `last` after all of them, which `known` says."""
        after = [at for at, run in enumerate(self.runs) if run.expected is not None]
        places, ratios = [], []
        for at in sorted({after[place] for place in np.linspace(0, len(after) - 1, FITTED).round().astype(int)}):
            try:
                known = last if at == after[-1] else self.known(at + 1)
            except LawError:
                continue
            places.append(at)
            ratios.append(_logs(known) - _logs(self.runs[at].expected))
        runs = list(self.runs)
        each = np.column_stack([np.interp(after, places, [ratio[which] for ratio in ratios]) for which in (0, 1)])
        for at, ratio in zip(after, each, strict=True):
            runs[at] = replace(runs[at], expected=Precision(*np.exp(_logs(runs[at].expected) + ratio).tolist()))
        return tuple(runs)


def _known(table: RunTable, flops: float) -> tuple[float, float]:
    """Half-widths of ln N* and the loss that the law of a table has. Raises LawError where it has none."""
    with one_thread(), np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        valley = learn(table, Origin.of(table.params, table.tokens, table.flops))
        result = headline.answer(valley, np.array([flops]))
    return float(result.log_params_half[0]), float(result.loss_half[0])


def _logs(precision: Precision | None) -> Floats:
    """ln of the half-widths of ln N* and the loss, (2,)."""
    assert precision is not None
    return np.log([precision.log_params_half, precision.loss_half])

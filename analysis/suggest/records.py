"""What a suggestion consists of: the question, the runs in their order, what to expect after each, how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from analysis.wording import typed_up

SURELY = 0.97
"""Share of a half-width that is asked for so that it is reached in spite of what else changes."""
MOST_FACTOR = 1e6
"""N* is as good as unknown from this factor to each side on."""


@dataclass(frozen=True, slots=True)
class Precision:
    """How closely the answers at the asked budget are known."""

    log_params_half: float
    """Half-width of the 95 % interval of ln N*."""
    loss_half: float
    """Half-width of the loss's, in the law's unit."""

    @property
    def params_factor(self) -> float:
        """Half-width of N*'s interval as a factor, 1.3 for ×1.3 to each side."""
        return float(np.exp(self.log_params_half))


@dataclass(frozen=True, slots=True)
class Target:
    """A precision to be reached; None for what does not matter."""

    params_factor: float | None = None
    """Half-width of N*'s interval as a factor."""
    loss: float | None = None
    """Half-width of the loss's interval, in the law's unit."""

    @property
    def any(self) -> bool:
        """Whether it demands anything."""
        return self.params_factor is not None or self.loss is not None

    def missed(self, precision: Precision) -> tuple[bool, bool]:
        """Whether N* and whether the loss are not known closely enough yet."""
        return (
            self.params_factor is not None and precision.params_factor > self.params_factor,
            self.loss is not None and precision.loss_half > self.loss,
        )

    def stricter(self, expected: Precision, known: Precision) -> Target:
        """The target for expectations that are too hopeful by as much as `expected` was beside what is `known`."""
        params, loss = self.params_factor, self.loss
        missed = self.missed(known)
        if params is not None and missed[0]:
            ratio = expected.log_params_half / known.log_params_half
            params = float(np.exp(SURELY * np.log(params) * ratio))
        if loss is not None and missed[1]:
            loss = SURELY * loss * expected.loss_half / known.loss_half
        return Target(params, loss)

    @property
    def out_of_reach(self) -> Target:
        """A target of the same quantities that no run reaches."""
        return Target(
            None if self.params_factor is None else 1 + np.finfo(float).eps, None if self.loss is None else 1e-300
        )

    def typed(self, precision: Precision) -> str:
        """The nearest target to this one that a precision reaches, as `--until` takes it: params=1.12 and loss=0.02.

        Empty where the precision says next to nothing.
        """
        if not precision.params_factor < MOST_FACTOR:
            return ""
        parts = []
        if self.params_factor is not None:
            least = 1 + float(typed_up(precision.params_factor - 1))
            parts.append(f"params={max(self.params_factor, least):.10g}")
        if self.loss is not None:
            parts.append(f"loss={max(self.loss, float(typed_up(precision.loss_half))):g}")
        return " and ".join(parts)

    def reached(self, precision: Precision) -> bool:
        """Whether everything that it demands is known closely enough; never where it demands nothing."""
        return self.any and not any(self.missed(precision))


class Why(StrEnum):
    """Why a run is suggested."""

    FIRST = "first"
    """One of the curves without which there is no law."""
    NOISE = "noise"
    """A repeat: the noise between seeds is not known yet."""
    SIDE = "side"
    """A size beyond the ends of a budget's curve, whose minimum lies at its edge."""
    CURVE = "curve"
    """One of the sizes that open a budget or complete its curve."""
    SIZE = "size"
    """A further size of a budget that has a curve."""
    REPEAT = "repeat"
    """A repeat of a cell."""


class Outcome(StrEnum):
    """How the order of runs ends."""

    REACHED = "reached"
    """The asked precision is expected after its last run."""
    SPENT = "spent"
    """No further run is affordable."""
    EXHAUSTED = "exhausted"
    """No affordable run narrows the answer noticeably any more."""


@dataclass(frozen=True, slots=True)
class SuggestedRun:
    """One run, and what is expected once it and all before it are trained."""

    budget: float
    """Its budget, training FLOPs."""
    params: float
    """N."""
    tokens: float
    """D."""
    flops: float
    """Training FLOPs that it spends."""
    seed: int
    """How many runs of its cell there are before it; 0 for a cell that is new."""
    why: Why
    """Why it is suggested."""
    spent: float
    """Training FLOPs of it and all before it."""
    hours: float | None
    """Predicted hours of it and all before it, one after the other; None where they are not known."""
    expected: Precision | None
    """Expected after it; None while there can be no law yet."""
    shape: str = ""
    """What the recipe calls its model; empty for cells of a table."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The runs that narrow an answer most for what they cost, in order."""

    flops: float
    """The asked budget, training FLOPs."""
    loss_unit: str
    """nats/token | bits/byte | as in the data."""
    now: Precision | None
    """How closely the answers are known now; None without a law."""
    target: Target
    """The precision that was asked for."""
    spend: float
    """Training FLOPs that may be spent."""
    runs: tuple[SuggestedRun, ...]
    """In the order in which they should be trained."""
    outcome: Outcome
    """How the order ends."""
    candidates: int
    """Cells that were weighed, those that were run before among them."""
    notes: tuple[str, ...] = ()
    """What limited the choice, a sentence each."""
    all_afforded: bool = False
    """Whether the spend pays for any of the cells, so that a larger one opens no others."""
    limited: bool = False
    """Whether the sweep's limits hold the spend below what was asked for."""

    @property
    def expected(self) -> Precision | None:
        """After the last run; as now without one."""
        return self.runs[-1].expected if self.runs else self.now

    @property
    def spent(self) -> float:
        """Training FLOPs of all runs."""
        return self.runs[-1].spent if self.runs else 0.0

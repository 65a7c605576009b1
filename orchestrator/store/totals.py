"""How far a stored sweep is, by numbers of runs and FLOPs, and the key of its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.states import RunState, SweepState, is_answered, sweep_state
from orchestrator.store.records import SweepRecord


@dataclass(frozen=True, slots=True)
class StateTotal:
    """A sweep's runs of one role in one state."""

    state: RunState
    """Their state."""
    role: str
    """grid | check | validation."""
    runs: int
    """How many they are."""
    flops: float
    """Their training FLOPs, nominal."""

    @property
    def answered(self) -> bool:
        """Whether they have shown what they were trained to show."""
        return is_answered(self.state, self.role)


def is_deciding(sweep: SweepRecord | None, totals: Sequence[StateTotal]) -> bool:
    """Whether an adaptive sweep will decide another round by itself: none of its runs waits for a retry."""
    stuck = (RunState.FAILED, RunState.CANCELLED)
    return sweep is not None and sweep.open_ended and not any(total.state in stuck for total in totals)


@dataclass(frozen=True, slots=True)
class SweepTotals:
    """A revision of a sweep and how much of it is done."""

    sweep: SweepRecord
    """The sweep."""
    totals: tuple[StateTotal, ...]
    """Number of runs and their training FLOPs, by state and role."""
    key: str
    """Hash that changes with the sweep, its runs and its forecasts: what is answered under an equal key is equal."""

    @property
    def state(self) -> SweepState:
        """The state of the sweep."""
        queued, running = self.count(RunState.QUEUED), self.count(RunState.RUNNING)
        return sweep_state(
            self.sweep.held,
            total=self.total,
            answered=self.done,
            queued=queued,
            running=running,
            deciding=is_deciding(self.sweep, self.totals),
        )

    @property
    def done(self) -> int:
        """Runs that have shown what they were trained to show."""
        return sum(total.runs for total in self.totals if total.answered)

    @property
    def failed(self) -> int:
        """Runs that failed or diverged, but for checks of the recipe that diverged."""
        ended = (RunState.FAILED, RunState.DIVERGED)
        return sum(total.runs for total in self.totals if total.state in ended and not total.answered)

    @property
    def total(self) -> int:
        """All runs."""
        return sum(total.runs for total in self.totals)

    @property
    def settled(self) -> bool:
        """Whether every run has ended."""
        return all(total.state.terminal for total in self.totals)

    @property
    def flops_spent(self) -> float:
        """Training FLOPs of the runs that are done, nominal."""
        return sum(total.flops for total in self.totals if total.answered)

    @property
    def flops_planned(self) -> float:
        """Training FLOPs of all runs, nominal."""
        return sum(total.flops for total in self.totals)

    def count(self, state: RunState) -> int:
        """Runs in a state."""
        return sum(total.runs for total in self.totals if total.state is state)

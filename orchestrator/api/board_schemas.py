"""The schemas of boards over REST: what is asked for, and what is shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from orchestrator.boards import MOST_ENTRIES, TEXT_BYTES, Forecast, Metric, NewBoard
from orchestrator.people import LONGEST_DAYS, Quota

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""A number above 0."""
Range = Annotated[list[float | None], Field(min_length=2, max_length=2)]
"""The lower and the upper end of a 95 % interval; null for one at infinity."""


class Strict(BaseModel):
    """A body without unknown keys."""

    model_config = ConfigDict(extra="forbid")


class BoardAsked(Strict):
    """A board to be opened."""

    name: str = Field(max_length=64, description="What it is called.")
    metric: Metric = Field(description="By what entries are ranked.")
    corpus: str = Field(max_length=80, description="Content hash of the corpus, or a sweep whose data it is.")
    flops: Positive = Field(description="Most FLOPs of a run, or of all runs of a member behind a forecast.")
    closes: AwareDatetime = Field(description="When it closes.")
    unique_tokens: int | None = Field(None, gt=0, lt=2**62, description="Most different tokens that a run may see.")
    group: str = Field("", max_length=64, description="Group whose members may enter; empty for everybody.")
    entries: int = Field(5, ge=1, le=MOST_ENTRIES, description="Most entries of one member.")
    text: str = Field("", max_length=TEXT_BYTES, description="The hidden validation file, for bits per byte.")
    target: Positive | None = Field(None, description="Budget that is forecast, FLOPs.")
    target_shown: bool = Field(False, description="Whether members see that budget before the board closes.")
    baseline: str | None = Field(None, max_length=80, description="Sweep over which the multiplier is computed.")

    def asked(self) -> NewBoard:
        """The board."""
        values = self.model_dump(exclude={"closes", "baseline", "metric"})
        return NewBoard(metric=self.metric, closes_at=_seconds(self.closes), **values)


class ForecastAsked(Strict):
    """A forecast of the best model at a board's budget."""

    params: Positive = Field(description="N, matmul parameters.")
    tokens: Positive = Field(description="D, training tokens.")
    loss: Positive = Field(description="Its loss, nats per token.")
    low: Positive = Field(description="Lower end of the 95 % interval of the loss.")
    high: Positive = Field(description="Its upper end.")


class EntryAsked(Strict):
    """What is entered: one of the three."""

    runs: list[str] | None = Field(None, max_length=20, description="Ids of runs that differ by their seed alone.")
    sweep: str | None = Field(None, max_length=80, description="Sweep whose law is asked for the board's budget.")
    forecast: ForecastAsked | None = Field(None, description="A forecast of your own.")

    def as_forecast(self) -> Forecast | None:
        """The forecast."""
        return None if self.forecast is None else Forecast(**self.forecast.model_dump())


class DecisionAsked(Strict):
    """What decides on forecasts."""

    sweep: str = Field(max_length=80, description="Sweep with runs at the board's budget.")


class RosterAsked(Strict):
    """A class to be enrolled."""

    names: list[str] = Field(min_length=1, max_length=500, description="Names of its members.")
    days: float | None = Field(None, gt=0, le=LONGEST_DAYS, description="Days until their tokens expire.")
    flops: Positive | None = Field(None, description="Quota of training FLOPs of each.")
    hours: float | None = Field(None, gt=0, le=1e12, description="Quota of device-hours of each.")
    sweeps: int | None = Field(None, ge=0, le=1_000_000, description="Quota of unfinished sweeps of each.")

    def quota(self) -> Quota:
        """The quota of each."""
        return Quota(self.flops, None if self.hours is None else self.hours * 3600, self.sweeps)


class HandedOut(Strict):
    """A token, which is not shown again."""

    user: str = Field(description="Whose it is.")
    token: str = Field(description="The token.")


class Student(Strict):
    """A member of a class."""

    user: str
    quota_flops: float | None
    flops_planned: float
    flops_reserved: float
    flops_spent: float
    flops_refunded: float
    flops_left: float | None
    entries: int


class StandingShown(Strict):
    """A row of the table: the best entry of one member."""

    place: int | None
    user: str
    score: float | None
    score_interval: Range | None
    multiplier: float | None
    multiplier_interval: Range | None
    p_better: float | None
    settled: bool | None
    further_seeds: int | None
    seeds: int
    flops: float | None
    params: float | None
    tokens: float | None
    loss: float | None
    loss_interval: Range | None


class OwnShown(Strict):
    """An entry of who asks."""

    entered_at: float
    runs: list[str]
    sweep: str
    flops: float | None
    score: float | None
    params: float | None
    tokens: float | None
    loss: float | None
    loss_interval: Range | None


class OutcomeShown(Strict):
    """What decided on forecasts."""

    sweep: str
    params: float
    tokens: float
    loss: float
    seeds: int
    sigma: float | None
    freedom: int


class BoardShown(Strict):
    """A board as who asks sees it."""

    name: str
    metric: Metric
    corpus: str
    flops: float
    unique_tokens: int | None
    group: str
    group_members: int | None
    entries_each: int
    user: str
    opened_at: float
    closes_at: float
    closed_at: float | None
    target: float | None
    baseline: str
    entrants: int
    outcome: OutcomeShown | None
    table: list[StandingShown]
    own: list[OwnShown]


def _seconds(moment: datetime) -> float:
    """Seconds since the epoch."""
    return moment.timestamp()

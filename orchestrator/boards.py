"""Boards: what a leaderboard asks for, what is entered, and what the runs that decide have shown."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from tokenizer.errors import ExpectedError

TEXT_BYTES: Final = 192 * 1024
"""Largest hidden validation file: what fits a request's body."""
MOST_ENTRIES: Final = 100
"""Most entries of one member that a board may allow."""
LARGEST_FACTOR: Final = 1.01
"""A run's FLOPs may be above its budget by what rounds it to whole sequences."""
FEWEST_SHARE: Final = 0.25
"""Least 6·N·D of a forecast over the budget: attention takes the rest of it at small sizes."""
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "s": "seconds"}
"""Units of a closing time from now on."""


class BoardError(ExpectedError, ValueError):
    """A board cannot be opened, entered, closed or decided as asked; nothing was stored."""

    kind = "board"


@contextmanager
def about(field: str) -> Iterator[None]:
    """Let an error that is raised meanwhile say that it is about this field of a form."""
    try:
        yield
    except ExpectedError as error:
        error.field = error.field or field
        raise


def closing_time(text: str, now: datetime) -> datetime:
    """A moment, or one so long from now on. Raises BoardError."""
    try:
        if found := re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([smhd])", text):
            return now + timedelta(**{_UNITS[found[2]]: float(found[1])})
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BoardError(
        f"{text!r} is no time: give one with its zone, such as 2026-12-01T18:00Z, or 14d, 3h or 90m from now on"
    )


class Metric(StrEnum):
    """By what entries are ranked; lower is better."""

    BITS = "bits-per-byte"
    """Bits per byte of finished runs on a hidden validation file."""
    FORECAST = "forecast"
    """Interval score of a forecast of the best loss at a budget."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the baseline's compute reaches on the hidden validation file: its law's frontier there."""

    sweep: str
    """Name and revision of its sweep."""
    log_flops: tuple[float, ...]
    """ln C, ascending."""
    losses: tuple[float, ...]
    """Bits per byte at each, falling."""
    halves: tuple[float, ...]
    """Half-width of the 95 % interval of each."""
    largest: float
    """Largest budget of its runs, training FLOPs."""
    sigma: float | None
    """Standard deviation between its seeds, bits per byte; None without repeats."""
    freedom: int
    """Degrees of freedom of that."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Baseline:
        """What `to_dict` wrote."""
        arrays = {name: tuple(data[name]) for name in ("log_flops", "losses", "halves")}
        return cls(**{**data, **arrays})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What decides on forecasts: the best size at the budget."""

    sweep: str
    """Name and revision of the sweep that decides."""
    params: float
    """Its matmul parameters."""
    tokens: float
    """Its training tokens."""
    loss: float
    """Mean loss over its seeds, nats per token."""
    seeds: int
    """How many runs that is."""
    sigma: float | None
    """Standard deviation between seeds, pooled over the sizes; None without repeats."""
    freedom: int
    """Degrees of freedom of that."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Outcome:
        """What `to_dict` wrote."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Forecast:
    """A forecast of the best model at a board's budget."""

    params: float
    """N, matmul parameters."""
    tokens: float
    """D, training tokens."""
    loss: float
    """Its loss, nats per token."""
    low: float
    """Lower end of the 95 % interval of the loss."""
    high: float
    """Its upper end."""

    def check(self) -> None:
        """Refuse what cannot be. Raises BoardError."""
        if not all(0 < value < math.inf for value in asdict(self).values()):
            raise BoardError("a forecast has N, D, a loss and both ends of its 95 % interval, all above 0")
        if not self.low <= self.loss <= self.high or self.low == self.high:
            raise BoardError(
                f"the interval from {self.low:g} to {self.high:g} must hold the loss of {self.loss:g} and have a width"
            )


@dataclass(frozen=True, slots=True)
class NewBoard:
    """A board to be opened."""

    name: str
    """What it is called."""
    metric: Metric
    """By what entries are ranked."""
    corpus: str
    """Content hash of the corpus that runs are trained on; for forecasts that of the dataset, which is a corpus as one
    tokenizer cut it, because losses per token are compared."""
    flops: float
    """Most training FLOPs: of a run, or of all of a member's runs on the dataset behind a forecast."""
    closes_at: float
    """When it closes, seconds since the epoch."""
    unique_tokens: int | None = None
    """Most different tokens that a run may see; None for any number."""
    group: str = ""
    """Group whose members may enter; empty for everybody."""
    entries: int = 5
    """Most entries of one member."""
    text: str = ""
    """The hidden validation file; empty for forecasts."""
    target: float | None = None
    """Budget that is forecast, training FLOPs; None where runs are ranked."""
    target_shown: bool = False
    """Whether members see that budget before the board closes."""

    def check(self) -> None:
        """Refuse what has no meaning. Raises BoardError."""
        with about("flops"):
            if not 0 < self.flops < math.inf:
                raise BoardError("the budget of a board is a number of FLOPs above 0")
        with about("entries"):
            if not 1 <= self.entries <= MOST_ENTRIES:
                raise BoardError(f"a member may have from 1 to {MOST_ENTRIES} entries on a board")
        with about("target"):
            if self.metric is Metric.FORECAST and (self.text or not 0 < (self.target or 0) < math.inf):
                raise BoardError("a board of forecasts needs a target, the budget that is forecast, and no hidden file")
        with about("text"):
            if self.metric is Metric.BITS and (not self.text.strip() or self.target is not None):
                raise BoardError(
                    "a board of bits per byte needs a hidden validation file with text in it, and no target"
                )
            if len(self.text.encode()) > TEXT_BYTES:
                raise BoardError(f"the hidden validation file has at most {TEXT_BYTES // 1024} KiB of UTF-8 text")


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What a member enters, checked and scored."""

    runs: tuple[str, ...] = ()
    """Ids of runs that differ by their seed alone."""
    sweep: str = ""
    """Name and revision of the sweep whose law made the forecast; empty where it was typed."""
    flops: float | None = None
    """FLOPs as counted again: of one run, or of all runs behind the forecast."""
    scores: tuple[float, ...] = ()
    """Bits per byte of each run on the hidden validation file."""
    forecast: Forecast | None = None
    """The forecast."""

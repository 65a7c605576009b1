"""What a law answers with, and how each of these is drawn against compute: N*, D* and L*."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from analysis.records import Curve, Interval, Minimum, Prediction
from analysis.wording import format_count, format_loss


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity that a law answers with, and how it is drawn."""

    name: str
    """params | tokens | loss."""
    symbol: str
    """N*, D* or L*."""
    title: str
    """Title of its axis."""
    of: Callable[[Prediction], float]
    """Its value in an answer."""
    interval: Callable[[Prediction], Interval]
    """Its interval in an answer."""
    at: Callable[[Minimum], float]
    """Its value at a curve's minimum."""
    of_runs: Callable[[Curve], tuple[float, ...]]
    """Its values in the runs of a curve."""
    write: Callable[[float], str]
    """How a value is written."""
    log: bool = True
    """Whether its axis is logarithmic."""


PARAMS = Quantity(
    "params", "N*", "Optimal parameters N*", lambda p: p.params, lambda p: p.params_interval, lambda m: m.params,
    lambda c: c.params, format_count,
)  # fmt: skip
TOKENS = Quantity(
    "tokens", "D*", "Optimal tokens D*", lambda p: p.tokens, lambda p: p.tokens_interval, lambda m: m.tokens,
    lambda c: c.tokens, format_count,
)  # fmt: skip
LOSS = Quantity(
    "loss", "L*", "Loss", lambda p: p.loss, lambda p: p.loss_interval, lambda m: m.loss,
    lambda c: c.losses, format_loss, log=False,
)  # fmt: skip
QUANTITIES = (PARAMS, TOKENS, LOSS)
"""What is drawn against compute, from left to right."""

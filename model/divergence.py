"""Whether a run has diverged, judged by where its loss goes: the recent losses against a guess and against its best."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

LOSS_WINDOW = 128
"""Steps whose losses are judged together."""
JUDGED_EVERY = LOSS_WINDOW // 2
"""Steps between judgements; the run's best is the lowest median of so many steps."""
GUESS_MARGIN = 0.5
"""Nats above the loss of a uniform guess, ln V, that are far above it."""
LOST_SHARE = 0.5
"""Share of what was learned, ln V minus the best loss, that is lost at a loss far above the best."""
LOST_NATS = 2.0
"""Nats that are lost at least at a loss far above the best."""
FALLING = -0.2
"""Correlation of loss and step below which a window falls; without a trend one in a hundred windows seems to."""


def typical_loss(losses: Sequence[float]) -> float:
    """The median, on which a few spikes have no effect."""
    return float(np.median(losses))


def why_diverged(losses: Sequence[float], best: float, guess: float) -> str | None:
    """Why the run has diverged; None where it has not, and where its loss is far too high but falls.

    `losses` are those of the last LOSS_WINDOW steps in their order, `best` is the lowest typical loss so far, and
    `guess` that of a uniform guess, all in nats per token. A loss is too high above `guess` + GUESS_MARGIN, and above
    the `best` by LOST_NATS and by LOST_SHARE of what was learned. Both halves of the window must be too high, so that a
    spike from which the run recovers in time is no divergence.
    """
    if not np.isfinite(losses).all():
        return "the training loss is not finite"
    recent = min(typical_loss(losses[:JUDGED_EVERY]), typical_loss(losses[-JUDGED_EVERY:]))
    lost = max(LOST_NATS, LOST_SHARE * (guess - best))
    if recent <= min(guess + GUESS_MARGIN, best + lost) or _falls(losses):
        return None
    best_and_guess = f"a uniform guess has {guess:.3f}, its best was {best:.3f}"
    return f"the training loss is {losses[-1]:.3f} and does not fall; {best_and_guess}"


def _falls(losses: Sequence[float]) -> bool:
    """Whether the losses have a downward trend beyond their noise."""
    values = np.asarray(losses, dtype=np.float64)
    values -= values.mean()
    steps = np.arange(len(values)) - (len(values) - 1) / 2
    scale = math.sqrt(float(values @ values) * float(steps @ steps))
    return bool(values @ steps < FALLING * scale)

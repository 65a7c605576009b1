"""What is expected of a valley before its runs are seen: means and precisions of the parameters for given scales.

Shape legend as in `model`; S scales.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.valley.form import ValleyTheta
from analysis.fitting.valley.hyper import Scales
from analysis.fitting.valley.model import ValleyModel

Floats = NDArray[np.float64]

EXPONENT = (0.5, 0.1)
"""Prior mean and standard deviation of N*'s exponent at the origin: published ones, the head counted, lie between 0.36
and 0.56."""
STEEPNESS = (float(np.log(0.4)), 1.2)
"""Prior of ln p and ln q."""
FLATTENING = 0.8
"""Prior standard deviation of g over its mean. A frontier E + K C^−g has g = (s/L0)/(1 − E/L0), which is the mean; how
large E's share is, is one of the scales. A straight line in ln C is 1.25 standard deviations away, whatever that share,
and a frontier that steepens farther still."""
LEAST_STEEPNESS = 1e-6
"""s/L0 is taken to be at least this: on its way to a refusal a fit may lose its slope."""
DEPTH, NARROWING = 5.0, 1.0
"""Prior standard deviations of υ and ζ over φ: a form without error has the joint-skew surface's depth."""
TREND = 0.5
"""Prior standard deviation of the change of ln p and ln q with ln C over φ: far out a form errs alike at all
budgets, and N*'s exponent must not pay for it."""
MOST_DEPTH, MOST_NARROWING, MOST_TREND = 1.0, 0.3, 0.3
"""What they are at most."""

UNSEEN = 0.1
"""Drift of L*'s slope, as a share of it for each root of a unit of ln C, that three budgets cannot show; with each
further budget a sixteenth of that. Between neighbouring budgets of our own sweeps the slope changed by −0.17 to 0.07 of
itself for each unit (docs/experiments/demo.md), while their valleys showed no misfit."""
UNSEEN_DISTANCE = 1.5
"""Standard deviation, in ln, of the distance from an additive valley that three budgets cannot show; with each further
budget a sixteenth, too. The sides of our own small sweeps are not those of an additive surface with their frontier,
which is straight or steepens."""

_OF_BLOCKS = (
    ("path", "exponent_drift", "misfit"),
    ("floor", "slope_drift", "misfit"),
    ("left", "sides", "misfit"),
    ("right", "sides", "misfit"),
    ("offset", "offset", "noise"),
    ("tilt", "tilt", "noise"),
    ("size", "size", "noise"),
)
"""Whose standard deviation is the product of which two scales."""
_OF_MISFIT = (
    ("depth", DEPTH, MOST_DEPTH),
    ("narrowing", NARROWING, MOST_NARROWING),
    ("p_trend", TREND, MOST_TREND),
    ("q_trend", TREND, MOST_TREND),
)
"""Whose standard deviation is which multiple of φ, and at most what."""


class Prior(NamedTuple):
    """Independent normal distributions of the parameters; a precision of zero leaves one free."""

    mean: Floats
    """Shape (P,)."""
    precision: Floats
    """Shape (P,)."""
    rises: Floats
    """Derivatives of ln precision by the scales, shape (S, P)."""
    moves: Floats
    """Derivatives of the mean by the scales, shape (S, P)."""


def prior(model: ValleyModel, scales: Scales, theta: ValleyTheta) -> Prior:
    """The parameters a priori; the flattening's is in units of the slope and level of `theta`."""
    at, names, labels = model.blocks, ValleyTheta._fields, Scales._fields
    mean, precision = np.zeros(model.parameters), np.zeros(model.parameters)
    rises, moves = (np.zeros((len(labels), model.parameters)) for _ in range(2))
    for name, (centre, spread) in (("exponent", EXPONENT), ("log_p", STEEPNESS), ("log_q", STEEPNESS)):
        mean[names.index(name)], precision[names.index(name)] = centre, spread**-2.0
    steepness = max(float(np.exp(theta.log_slope)) / abs(float(theta.level)), LEAST_STEEPNESS)
    odds, index, label = float(np.exp(scales.irreducible)), names.index("flattening"), labels.index("irreducible")
    mean[index] = (1 + odds) * steepness
    precision[index] = (FLATTENING * mean[index]) ** -2
    moves[label, index], rises[label, index] = odds * steepness, -2 * odds / (1 + odds)
    misfit = np.exp(-2 * scales.misfit)
    for name, scale, most in _OF_MISFIT:
        index = names.index(name)
        precision[index] = misfit / scale**2 + most**-2.0
        rises[labels.index("misfit"), index] = -2 * misfit / scale**2 / precision[index]
    for block, ratio, base in _OF_BLOCKS:
        precision[at[block]] = np.exp(-2 * (getattr(scales, ratio) + getattr(scales, base)))
        for name in (ratio, base):
            rises[labels.index(name), at[block]] = -2
    seen = 1 / precision[at["floor"]]
    precision[at["floor"]] = 1 / (seen + unseen_drift(model) ** 2)
    rises[:, at["floor"]] *= seen * precision[at["floor"]]
    return Prior(mean, precision, rises, moves)


def additive_prior(model: ValleyModel, scales: Scales) -> tuple[float, float]:
    """Precision a priori of the distance from an additive valley, and its log-derivative by each of its two scales."""
    seen = float(np.exp(2 * (scales.additive + scales.misfit)))
    precision = 1 / (seen + (UNSEEN_DISTANCE * unseen_share(model.budgets.shape[1])) ** 2)
    return precision, -2 * seen * precision


def unseen_drift(model: ValleyModel) -> float:
    """Drift of L*'s slope that so few budgets cannot show, whatever the misfit."""
    return UNSEEN * unseen_share(model.budgets.shape[1])


def unseen_share(budgets: int) -> float:
    """The share that so many budgets leave of what three cannot show."""
    return 16.0 ** -max(budgets - 3, 0)

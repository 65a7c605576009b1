"""The drifting valley: a skewed valley in ln N whose path and floor follow C, each with a slope that walks at random.

    L = L0 − s (1 − e^(−g c))/g + s w(c) + K(c) [(q e^(−p u) + p e^(q u))/(p + q) − 1],
    K(c) = (s / g₊) e^(υ − (g + ζ) c),   u = ln N − n0 − a c − v(c),   c = ln(C/C0).

p and q change with C, too: ln p + p' c and ln q + q' c. With v = w = υ = ζ = p' = q' = 0 it is the joint-skew surface
(`forms.JOINT_SKEW`) with the floor E = L0 − s/g, and so the additive surface of Hoffmann et al. 2022 in its special
case. v and w are integrated Wiener processes (`walk`).
Shape legend: B parameter vectors, n runs, T budgets, M knots, P = 11 + 2 M parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.forms import Design, bent
from analysis.fitting.parameters import columns
from analysis.fitting.valley.walk import Places, Walk

Floats = NDArray[np.float64]

_LEAST_FLATTENING = 0.03
"""g₊ where g is zero: it tends to g above, and slowly to zero below."""
STEEPEST = 50.0
"""Exponents beyond this are cut off: they overflow on the way to a fit."""
FARTHEST = 12.0
"""Distance in ln C from the origin beyond which the sides change no more."""


class ValleyTheta(NamedTuple):
    """The parameters of the valley but for the steps of its two walks."""

    level: Any
    """L0: L* at C0."""
    log_slope: Any
    """ln s: how fast L* falls with ln C at C0."""
    flattening: Any
    """g: how fast that slope falls with ln C."""
    depth: Any
    """υ: how much deeper the valley is than that of a joint-skew surface, ln."""
    narrowing: Any
    """ζ: how much faster its depth falls with ln C than such a surface's."""
    n0: Any
    """ln N* at C0, centred."""
    exponent: Any
    """a: the exponent of N* at C0."""
    log_p: Any
    """ln p: how steep the side of small models is."""
    log_q: Any
    """ln q: how steep the side of large models is."""
    p_trend: Any = 0.0
    """How fast ln p changes with ln C."""
    q_trend: Any = 0.0
    """How fast ln q changes with ln C."""


FIXED = len(ValleyTheta._fields)
"""Parameters before the steps of the walks."""


def positive(g: float | Floats) -> tuple[Floats, Floats]:
    """g₊ and its derivative in g, of the shape of g: g + w e^(−g/w) from zero on, w/√(1 + (g/w)²) below."""
    t = np.asarray(g) / _LEAST_FLATTENING
    above, below = np.maximum(t, 0.0), np.minimum(t, 0.0)
    decay, root = np.exp(-above), np.sqrt(1 + below**2)
    value = np.where(t >= 0, above + decay, 1 / root)
    return _LEAST_FLATTENING * value, np.where(t >= 0, 1 - decay, -below / root**3)


class Height(NamedTuple):
    """The height above the valley's floor, and its derivatives; of the shape of the runs."""

    height: Any
    """L − L*(C)."""
    along: Any
    """By ln N."""
    by_p: Any
    """By ln p."""
    by_q: Any
    """By ln q."""


class _Sides(NamedTuple):
    """What the height above the floor consists of; of the shape of the runs."""

    p: Any
    """p there."""
    q: Any
    """q there."""
    depth: Any
    """K."""
    left: Any
    """e^(−p u)."""
    right: Any
    """e^(q u)."""
    shape: Any
    """The bracket, before one is taken off."""


def _sides(theta: ValleyTheta, u: Any, c: Any) -> _Sides:
    """At a distance u in ln N from the path, at ln C − origin c."""
    near = np.clip(c, -FARTHEST, FARTHEST)
    p, q = np.exp(theta.log_p + theta.p_trend * near), np.exp(theta.log_q + theta.q_trend * near)
    left, right = (np.exp(np.clip(x, -STEEPEST, STEEPEST)) for x in (-p * u, q * u))
    log_depth = theta.log_slope - np.log(positive(theta.flattening)[0]) + theta.depth
    depth = np.exp(np.clip(log_depth - (theta.flattening + theta.narrowing) * c, -STEEPEST, STEEPEST))
    return _Sides(p, q, depth, left, right, (q * left + p * right) / (p + q))


def height(theta: ValleyTheta, u: Any, c: Any) -> Height:
    """The height at a distance u in ln N from the path, at ln C − origin c."""
    p, q, depth, left, right, shape = _sides(theta, u, c)
    return Height(
        height=depth * (shape - 1),
        along=depth * p * q * (right - left) / (p + q),
        by_p=p * depth * (-q * u * left + right - shape) / (p + q),
        by_q=q * depth * (left + p * u * right - shape) / (p + q),
    )


def derivatives(theta: ValleyTheta, c: Floats, walked: Floats, above: Height) -> Floats:
    """Derivatives (n, FIXED) of losses by the parameters but for the steps of the walks, in their order.

    `c` is ln C − origin, `walked` the floor's walk there, `above` the heights, all (n,).
    """
    slope = np.exp(theta.log_slope)
    h, bend = bent(np.asarray(theta.flattening), c)
    root, rise = positive(theta.flattening)
    near = np.clip(c, -FARTHEST, FARTHEST)
    named = ValleyTheta(
        level=np.ones_like(c),
        log_slope=-slope * (h - walked) + above.height,
        flattening=-slope * bend - (c + rise / root) * above.height,
        depth=above.height,
        narrowing=-c * above.height,
        n0=-above.along,
        exponent=-c * above.along,
        log_p=above.by_p,
        log_q=above.by_q,
        p_trend=near * above.by_p,
        q_trend=near * above.by_q,
    )
    return np.stack(named, axis=1)


def off_additive(theta: ValleyTheta) -> tuple[float, Floats]:
    """ln g₊ less that of an additive surface with the same sides, and its derivatives (FIXED,).

    E + A/N^α + B/D^β has the sides p = α and q = β, and g = αβ/(α + β) (Hoffmann et al. 2022, equation 4).
    """
    p, q = float(np.exp(theta.log_p)), float(np.exp(theta.log_q))
    root, rise = positive(np.asarray(theta.flattening))
    zero = ValleyTheta(*[0.0] * FIXED)
    row = zero._replace(flattening=float(rise / root), log_p=-q / (p + q), log_q=-p / (p + q))
    return float(np.log(root) - theta.log_p - theta.log_q + np.log(p + q)), np.asarray(row)


@dataclass(frozen=True, eq=False)
class ValleyForm:
    """The valley as a surface L(N, C) of parameter vectors (B, P)."""

    walk: Walk
    """The process of both its walks."""

    def path(self, theta: Floats, c: Floats) -> Floats:
        """Centred ln N* (B, T) at ln C − origin (T,)."""
        return self._path(theta, c, self._place(theta, c))

    def floor(self, theta: Floats, c: Floats) -> Floats:
        """L* (B, T) at ln C − origin (T,)."""
        return self._floor(theta, c, self._place(theta, c))

    def value(self, theta: Floats, at: Design) -> Floats:
        """Losses (B, n) at runs whose coordinates are (n,), or (B, n) where every vector has its own."""
        places = self._place(theta, at.c)
        above = _sides(self.split(theta)[0], at.x - self._path(theta, at.c, places), at.c)
        return np.asarray(self._floor(theta, at.c, places) + above.depth * (above.shape - 1))

    def _place(self, theta: Floats, c: Floats) -> Places:
        """Where on the walks ln C − origin (T,) or (B, T) lies."""
        return self.walk.place(np.broadcast_to(c, (len(theta), c.shape[-1])))

    def _path(self, theta: Floats, c: Floats, places: Places) -> Floats:
        named, path, _ = self.split(theta)
        return np.asarray(named.n0 + named.exponent * c + self.walk.values_at(path, places))

    def _floor(self, theta: Floats, c: Floats, places: Places) -> Floats:
        named, _, floor = self.split(theta)
        return np.asarray(
            named.level - np.exp(named.log_slope) * (bent(named.flattening, c)[0] - self.walk.values_at(floor, places))
        )

    def split(self, theta: Floats) -> tuple[ValleyTheta, Floats, Floats]:
        """The named parameters, (B, 1) each, and the steps of path and floor, (B, M) each."""
        steps = theta[:, FIXED:]
        middle = steps.shape[1] // 2
        return ValleyTheta(*columns(theta[:, :FIXED])), steps[:, :middle], steps[:, middle:]

    def gradients(self, theta: Floats, c: Floats, rows: Floats | None = None) -> tuple[Floats, Floats]:
        """Derivatives of ln N* and of L* at ln C − origin (T,) by one vector (P,): (T, P) each.

        `rows` are the walk's there, (T, M), for whoever asks about many vectors.
        """
        named, _, steps = self.split(theta[None])
        rows = self.walk.rows(c) if rows is None else rows
        slope = float(np.exp(named.log_slope[0, 0]))
        h, bend = bent(named.flattening[0, 0], c)
        path, floor = (np.zeros((len(c), len(theta))) for _ in range(2))
        m = rows.shape[1]
        names = ValleyTheta._fields
        path[:, names.index("n0")], path[:, names.index("exponent")] = 1, c
        path[:, FIXED : FIXED + m] = rows
        floor[:, names.index("level")], floor[:, names.index("flattening")] = 1, -slope * bend
        floor[:, names.index("log_slope")] = -slope * (h - rows @ steps[0])
        floor[:, FIXED + m :] = slope * rows
        return path, floor

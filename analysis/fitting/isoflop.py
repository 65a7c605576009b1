"""One budget's IsoFLOP curve: its minimum in ln N by parabola, cubic and Akima spline, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.cost import TokenCost
from analysis.records import Curve, Minimum, Refusal

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

ESTIMATORS = ("parabola", "cubic", "akima")
FEWEST_SIZES = 5
"""A parabola through fewer sizes says nothing of its own fit."""
MERGE = 0.03
"""Sizes closer than this in ln N are one point of the Akima spline."""
NEAR = 0.35
"""A fitted minimum this near in ln N to the lowest loss is never far from it."""
DEEP = 0.05
"""Share of a curve's depth by which the lowest loss must lie below the fitted minimum's run to speak against it."""
EDGE_LEVEL = 0.05
"""Two-sided level of the test that a curve bends upwards and of the test for a bend the other way."""


@dataclass(frozen=True)
class Fit:
    """A minimum with its influence on each run's loss, in centred ln N."""

    log_params: float
    """ln N* − centre."""
    loss: float
    """L*."""
    log_params_influence: Floats
    """d ln N* / d loss, shape (runs,)."""
    loss_influence: Floats
    """d L* / d loss, shape (runs,)."""
    coefficients: tuple[float, ...] = ()
    """Of the polynomial, lowest power first."""
    note: str = ""
    """What a reader must know."""


@dataclass(frozen=True)
class CurveFit:
    """One budget's runs, ascending in N, and what each estimator made of them."""

    flops: float
    params: Floats
    tokens: Floats
    losses: Floats
    """As measured."""
    levelled: Floats
    """As they would be at exactly the budget; these are fitted."""
    rows: Labels
    """Which runs of the table these are, shape (runs,)."""
    fits: dict[str, Fit]
    """By estimator that answered."""
    refusals: dict[str, Refusal]
    """By estimator that did not."""
    residual: float
    """Residual standard deviation of the cubic."""

    @property
    def centre(self) -> float:
        """ln N of the geometric mean size."""
        return float(np.log(self.params).mean())

    @property
    def enough(self) -> bool:
        """Whether there were sizes enough to try."""
        return "parabola" not in self.refusals or self.refusals["parabola"].reason != "too_few_sizes"

    def record(self, cost: TokenCost, sigma: float, seed_sigma: float | None = None) -> Curve:
        """The curve as callers see it, standard errors from a noise of `sigma`."""
        u = np.log(self.params) - self.centre
        sizes = len(np.unique(np.round(u, 6)))
        return Curve(
            flops=self.flops,
            params=tuple(map(float, self.params)),
            tokens=tuple(map(float, self.tokens)),
            losses=tuple(map(float, self.losses)),
            minima=tuple(_record(name, fit, self.centre, self.flops, sigma, cost) for name, fit in self.fits.items()),
            refusals=self.refusals,
            parabola=_coefficients(u, self.levelled, 2) if sizes > 2 else (),
            cubic=_coefficients(u, self.levelled, 3) if sizes > 3 else (),
            centre=float(np.exp(self.centre)),
            residual=self.residual,
            seed_sigma=seed_sigma,
        )


def fit_curve(
    flops: float,
    params: Floats,
    tokens: Floats,
    losses: Floats,
    *,
    cost: TokenCost | None = None,
    sigma: float | None = None,
    seed_sigma: float | None = None,
) -> Curve:
    """Fit one budget's curve. Arrays of shape (runs,); `sigma` is a known noise, else the cubic's residual is taken."""
    fit = fit_budget(flops, params, tokens, losses)
    return fit.record(cost or TokenCost.constant(6.0), fit.residual if sigma is None else sigma, seed_sigma)


def fit_budget(
    flops: float,
    params: Floats,
    tokens: Floats,
    losses: Floats,
    rows: Labels | None = None,
    shift: Floats | None = None,
) -> CurveFit:
    """Fit one budget's runs, arrays of shape (runs,), by every estimator, with the influence of each run.

    `shift` is what each loss would change by if the run had met the budget exactly.
    """
    order = np.argsort(params, kind="stable")
    measured = np.asarray(losses, dtype=float)[order]
    losses = measured if shift is None else measured + shift[order]
    params, tokens = (np.asarray(column, dtype=float)[order] for column in (params, tokens))
    rows = order if rows is None else rows[order]
    u = np.log(params) - float(np.log(params).mean())
    sizes = len(np.unique(np.round(u, 6)))
    if sizes < FEWEST_SIZES:
        message = f"{sizes} sizes at {flops:.3g} FLOPs; a curve needs at least {FEWEST_SIZES}."
        refusals = dict.fromkeys(ESTIMATORS, Refusal("too_few_sizes", message))
        return CurveFit(float(flops), params, tokens, measured, losses, rows, {}, refusals, float("nan"))
    fits: dict[str, Fit] = {}
    refusals = {}
    for name, estimate in (("parabola", _parabola), ("cubic", _cubic), ("akima", _akima)):
        outcome = estimate(u, losses)
        if isinstance(outcome, Refusal):
            refusals[name] = Refusal(outcome.reason, _in_params(outcome.message, float(np.log(params).mean())))
        else:
            fits[name] = outcome
    if "parabola" in refusals and refusals["parabola"].reason == "no_parabola":
        near = _near_minimum(u, losses)
        if near is not None:
            fits["parabola_near_minimum"] = near
    residual = residual_sigma(u, losses, 3)
    return CurveFit(float(flops), params, tokens, measured, losses, rows, fits, refusals, residual)


def residual_sigma(u: Floats, losses: Floats, degree: int) -> float:
    """Residual standard deviation of a polynomial, degrees of freedom counted; NaN where there are none."""
    freedom = len(u) - degree - 1
    if freedom < 1:
        return float("nan")
    fitted = np.vander(u, degree + 1, increasing=True) @ _solve(u, losses, degree)[0]
    return float(np.sqrt(((losses - fitted) ** 2).sum() / freedom))


def _solve(u: Floats, losses: Floats, degree: int) -> tuple[Floats, Floats]:
    """Coefficients, lowest power first, and the matrix (degree + 1, runs) that makes them from the losses."""
    scale = float(np.abs(u).max()) or 1.0
    powers = np.linalg.pinv(np.vander(u / scale, degree + 1, increasing=True))
    powers = powers / scale ** np.arange(degree + 1)[:, None]
    return np.asarray(powers @ losses, dtype=float), np.asarray(powers, dtype=float)


def _coefficients(u: Floats, losses: Floats, degree: int) -> tuple[float, ...]:
    return tuple(float(value) for value in _solve(u, losses, degree)[0])


def _parabola(u: Floats, losses: Floats) -> Fit | Refusal:
    coefficients, powers = _solve(u, losses, 2)
    flat = _no_curvature(u, losses, coefficients, powers)
    if flat:
        return flat
    minimum = float(-coefficients[1] / (2 * coefficients[2]))
    return (
        _at_edge(u, minimum, "parabola")
        or _bends_back(u, losses)
        or _far_from_lowest(u, losses, minimum, "parabola")
        or _polynomial_fit(coefficients, powers, minimum)
    )


def _cubic(u: Floats, losses: Floats) -> Fit | Refusal:
    coefficients, powers = _solve(u, losses, 3)
    flat = _no_curvature(u, losses, *_solve(u, losses, 2))
    if flat:
        return flat
    _, b1, b2, b3 = coefficients
    discriminant = b2 * b2 - 3 * b1 * b3
    if discriminant <= 0:
        return Refusal("no_curvature", "the cubic has no minimum: the loss goes on falling across the sizes.")
    # The root with positive second derivative, in the form that stays exact as b3 → 0.
    minimum = float(-b1 / (b2 + np.sqrt(discriminant))) if b2 > 0 else float((-b2 + np.sqrt(discriminant)) / (3 * b3))
    return (
        _at_edge(u, minimum, "cubic")
        or _far_from_lowest(u, losses, minimum, "cubic")
        or _polynomial_fit(coefficients, powers, minimum)
    )


def _polynomial_fit(coefficients: Floats, powers: Floats, minimum: float, note: str = "") -> Fit:
    """Implicit differentiation of p'(u*) = 0; L* moves with the coefficients alone (envelope theorem)."""
    degree = len(coefficients) - 1
    exponents = np.arange(degree + 1)
    at = minimum**exponents
    slope = np.concatenate([[0.0], exponents[1:] * minimum ** (exponents[1:] - 1)])
    curvature = float((exponents[2:] * (exponents[2:] - 1) * coefficients[2:] * minimum ** (exponents[2:] - 2)).sum())
    return Fit(
        log_params=minimum,
        loss=float(at @ coefficients),
        log_params_influence=-(slope @ powers) / curvature,
        loss_influence=at @ powers,
        coefficients=tuple(map(float, coefficients)),
        note=note,
    )


def _no_curvature(u: Floats, losses: Floats, coefficients: Floats, powers: Floats) -> Refusal | None:
    """The parabola must open upwards beyond doubt: the t interval of its second coefficient above zero."""
    from scipy.special import stdtrit

    freedom = len(u) - 3
    # A cubic's residual does not count skew as noise; the parabola's does where there are too few runs for a cubic.
    sigma = residual_sigma(u, losses, 3) if len(u) > 5 else residual_sigma(u, losses, 2)
    error = sigma * float(np.linalg.norm(powers[2]))
    quantile = float(stdtrit(max(freedom - (len(u) > 5), 1), 1 - EDGE_LEVEL / 2))
    if coefficients[2] > quantile * error and coefficients[2] > 0:
        return None
    return Refusal(
        "no_curvature",
        f"the curve's bend, {coefficients[2]:.3g} ± {quantile * error:.2g} per ln N squared, is not established; "
        "widen the sizes, or repeat runs to lower the noise.",
    )


def _at_edge(u: Floats, minimum: float, name: str) -> Refusal | None:
    if u.min() < minimum < u.max():
        return None
    side, where = ("below", "smallest") if minimum <= u.min() else ("above", "largest")
    return Refusal(
        "edge_minimum",
        f"the {name}'s minimum, N = {{{minimum}}}, lies {side} the {where} size; add sizes there.",
    )


def _bends_back(u: Floats, losses: Floats) -> Refusal | None:
    """No parabola: the cubic is clearly better and its bend changes sign inside the sizes."""
    from scipy.special import fdtrc

    freedom = len(u) - 4
    (_, _, b2, b3), _ = _solve(u, losses, 3)
    if freedom < 1 or b3 == 0:
        return None
    inflection = -b2 / (3 * b3)
    if not u.min() < inflection < u.max():
        return None
    squares = [max(len(u) - degree - 1, 1) * residual_sigma(u, losses, degree) ** 2 for degree in (2, 3)]
    gain = (squares[0] - squares[1]) * freedom / max(squares[1], 1e-300)
    p = float(fdtrc(1, freedom, max(gain, 0.0)))
    deep = abs(inflection) < 0.5 * float(np.abs(u).max())
    if p >= (2 * EDGE_LEVEL if deep else EDGE_LEVEL):
        return None
    return Refusal(
        "no_parabola",
        f"the curve is no parabola: it bends the other way beyond N = {{{inflection}}} (cubic against parabola: "
        f"p = {p:.2g}; residuals {np.sqrt(squares[0] / (len(u) - 3)):.3g} and {np.sqrt(squares[1] / freedom):.3g}). "
        "A branch may be broken, such as too few optimizer steps at the large sizes.",
    )


def _far_from_lowest(u: Floats, losses: Floats, minimum: float, name: str, spacings: float = 1.5) -> Refusal | None:
    """No parabola: the fitted minimum is out of reach, so many spacings of the sizes, of the lowest loss.

    The gap is held against the curve's depth, not its residual: a broken branch inflates the residual with the damage.
    """
    at, group = np.unique(np.round(u, 6), return_inverse=True)
    means = np.bincount(group, losses) / np.bincount(group)
    lowest, nearest = int(np.argmin(means)), int(np.argmin(np.abs(at - minimum)))
    reach = max(spacings * float(np.median(np.diff(at))), NEAR)
    gap = float(means[nearest] - means[lowest])
    if abs(minimum - at[lowest]) <= reach or gap <= DEEP * float(np.ptp(means)):
        return None
    return Refusal(
        "no_parabola",
        f"the {name}'s minimum, N = {{{minimum}}}, is far from the lowest loss, at N = {{{at[lowest]}}} "
        f"and {gap:.3g} below the run nearest to it.",
    )


def _near_minimum(u: Floats, losses: Floats) -> Fit | None:
    """A parabola through the five sizes nearest the lowest loss."""
    at = np.unique(np.round(u, 6))
    lowest = u[np.argmin(losses)]
    nearest = at[np.argsort(np.abs(at - lowest), kind="stable")[:FEWEST_SIZES]]
    rows = np.isin(np.round(u, 6), nearest)
    coefficients, powers = _solve(u[rows], losses[rows], 2)
    minimum = float(-coefficients[1] / (2 * coefficients[2])) if coefficients[2] > 0 else float("nan")
    if not nearest.min() < minimum < nearest.max() or _far_from_lowest(u, losses, minimum, "parabola", 0.7):
        return None
    spread = np.zeros((3, len(u)))
    spread[:, rows] = powers
    return _polynomial_fit(coefficients, spread, minimum, "points near the minimum only")


def _akima(u: Floats, losses: Floats) -> Fit | Refusal:
    """Minimum of the Akima spline through the mean loss of each size; its influence by differences."""
    group = _merged(u)
    counts = np.bincount(group)
    sizes, means = np.bincount(group, u) / counts, np.bincount(group, losses) / counts
    if len(sizes) < FEWEST_SIZES:
        return Refusal("too_few_sizes", f"{len(sizes)} sizes that are more than {MERGE:.0%} apart.")
    step = 1e-5 * float(np.ptp(losses))
    minima, values = akima_minima(sizes, np.vstack([means, means + step * np.eye(len(sizes))]))
    edge = _at_edge(u, float(minima[0]), "Akima spline")
    if edge or minima[0] in (sizes[0], sizes[-1]):
        return edge or Refusal(
            "edge_minimum", "the Akima spline's lowest point is the outermost size; add sizes there."
        )
    return Fit(
        log_params=float(minima[0]),
        loss=float(values[0]),
        log_params_influence=(((minima[1:] - minima[0]) / step) / counts)[group],
        loss_influence=(((values[1:] - values[0]) / step) / counts)[group],
    )


def _merged(u: Floats) -> Labels:
    """Labels (n,) of ascending u: a size joins the group whose smallest is within `MERGE` of it."""
    group, first = np.zeros(len(u), dtype=np.int64), 0
    for i in range(1, len(u)):
        if u[i] - u[first] > MERGE:
            first = i
        group[i] = group[i - 1] + (first == i)
    return group


def akima_minima(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Lowest points (B,) and values (B,) of Akima splines (Akima 1970) through x (m,), ascending, and y (B, m)."""
    h = np.diff(x)
    slopes = np.diff(y, axis=1) / h
    first, last = 2 * slopes[:, 0] - slopes[:, 1], 2 * slopes[:, -1] - slopes[:, -2]
    padded = np.column_stack([2 * first - slopes[:, 0], first, slopes, last, 2 * last - slopes[:, -1]])
    change = np.abs(np.diff(padded, axis=1))
    left, right = change[:, 2:], change[:, :-2]
    total = left + right
    tangent = np.where(
        total > 1e-12 * max(float(change.max()), 1e-300),
        (left * padded[:, 1:-2] + right * padded[:, 2:-1]) / np.where(total > 0, total, 1),
        0.5 * (padded[:, 1:-2] + padded[:, 2:-1]),
    )
    # On each interval y = c0 + c1 s + c2 s² + c3 s³ with s from its left end; its turns are roots of a quadratic.
    c1 = tangent[:, :-1]
    c2 = (3 * slopes - 2 * tangent[:, :-1] - tangent[:, 1:]) / h
    c3 = (tangent[:, :-1] + tangent[:, 1:] - 2 * slopes) / h**2
    root = np.sqrt(np.maximum(c2 * c2 - 3 * c1 * c3, 0))
    denominator = c2 + root
    turn = np.where(np.abs(denominator) > 0, -c1 / np.where(denominator == 0, 1, denominator), 0)
    turn = np.clip(turn, 0, h)
    values = y[:, :-1] + turn * (c1 + turn * (c2 + turn * c3))
    at = np.concatenate([x[:-1] + turn, np.broadcast_to(x[-1:], (len(y), 1))], axis=1)
    values = np.concatenate([values, y[:, -1:]], axis=1)
    best = np.argmin(values, axis=1)[:, None]
    return np.take_along_axis(at, best, 1)[:, 0], np.take_along_axis(values, best, 1)[:, 0]


def _record(name: str, fit: Fit, centre: float, flops: float, sigma: float, cost: TokenCost) -> Minimum:
    params = float(np.exp(centre + fit.log_params))
    return Minimum(
        estimator=name,
        params=params,
        tokens=float(cost.tokens(flops, params)),
        loss=fit.loss,
        log_params_se=float(sigma * np.linalg.norm(fit.log_params_influence)),
        loss_se=float(sigma * np.linalg.norm(fit.loss_influence)),
        note=fit.note,
    )


def _in_params(message: str, centre: float) -> str:
    """Fill in {centred ln N} as parameters."""
    parts = message.split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        value, rest = part.split("}", 1)
        filled.append(f"{np.exp(centre + float(value)):,.0f}{rest}")
    return "".join(filled)

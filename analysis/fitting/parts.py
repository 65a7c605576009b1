"""From a table to the parts of a law: curves, surfaces, estimators, noise and their joint covariance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.evidence import Noise, SeedNoise
from analysis.fitting import interval, surface
from analysis.fitting.approach3 import Approach3, as_additive, fit_approach3
from analysis.fitting.cost import TokenCost
from analysis.fitting.estimators import (
    APPROACH_3,
    FEWEST_BUDGETS,
    LEAST_SQUARES,
    LINES,
    PARABOLA,
    Estimator,
    LineKind,
    line_estimator,
)
from analysis.fitting.isoflop import CurveFit, fit_budget
from analysis.fitting.refused import RefusedError
from analysis.fitting.surface import Origin, SurfaceFit
from analysis.fitting.uncertainty import Uncertainty
from analysis.fitting.valley.posterior import Valley, learn
from analysis.names import EstimatorName
from analysis.records import Curve, Interval, LackOfFit, Surface
from analysis.refusals import FitRunsOff, NoMinimum, Refusal, SizesTooAlike, TooFewBudgets, TooFewRuns
from analysis.table.excluded import describe_excluded
from analysis.table.table import RunTable
from analysis.wording import join_words, plural, refusal_sentence

Floats = NDArray[np.float64]

FEWEST_RUNS = 12
"""Fewest runs for a surface: the joint-skew one has 7 parameters."""
GROSS = 0.05
"""Runs of a smaller weight than this in every surface are left out of their budget's curve."""
MOST_FLEXIBLE = EstimatorName.JOINT_SKEW_BENT
"""The surface whose residuals are taken for noise."""
SUSPECT = 0.65
"""Budgets are taken to share noise where the p of that surface's lack of fit is below this."""
REJECTED = 0.01
"""A surface is called rejected where its lack of fit has a p below this."""

_BY_POLYNOMIAL = {EstimatorName.PARABOLA, EstimatorName.CUBIC, EstimatorName.PARABOLA_NEAR_MINIMUM}


@dataclass(frozen=True)
class Parts:
    """Everything that a fit of one table yields."""

    curves: tuple[Curve, ...]
    """One a budget, ascending."""
    surfaces: tuple[Surface, ...]
    """L(N, D) by form, approach 3's last."""
    estimators: tuple[Estimator, ...]
    """Those that have an answer."""
    uncertainty: Uncertainty
    """Joint covariance of their parameters, in their order."""
    valley: Valley | None
    """The drifting valley behind the headline; None where there is none."""
    origin: Origin
    """Origins of the centred logarithms."""
    refusals: dict[EstimatorName, Refusal]
    """Why the other estimators have none."""
    noise: Noise
    """Standard deviations of the losses."""
    warnings: tuple[str, ...]
    """Plain sentences about the data and the fit."""


def fit_parts(table: RunTable, cost: TokenCost) -> Parts:
    """Fit every estimator to a table; what cannot be fitted is in `refusals`."""
    seed, seed_freedom, seeds = interval.seed_sigma(table)
    curves = _fit_curves(table, np.zeros(len(table), dtype=bool))
    sigma, freedom = _curve_noise(curves, seed, seed_freedom)
    origin = Origin.of(table.params, table.tokens, table.flops)
    surfaces, refusals = _fit_surfaces(table, origin, curves, sigma)
    outliers = _outliers(table, surfaces)
    shift = _shift_to_budget(table, surfaces)
    if outliers.any() or shift is not None:
        curves = _fit_curves(table, outliers, shift)
        sigma, freedom = _curve_noise(curves, seed, seed_freedom)
    if not np.isfinite(sigma):
        sigma, freedom = _surface_noise(surfaces)
    tests = {name: _test(fit, curves, seed) for name, fit in surfaces.items()}
    estimators = [_surface_estimator(fit, tests[name]) for name, fit in surfaces.items()]
    for kind in LINES:
        line = _line(kind, curves, origin, len(table), sigma) if surfaces else refusals[MOST_FLEXIBLE]
        if isinstance(line, Refusal):
            refusals[kind.name] = line
        else:
            estimators.append(line)
    huber = fit_approach3(table) if surfaces else None
    if huber is not None:
        estimators.append(_huber_estimator(huber, table, origin))
    for estimator in [e for e in estimators if not _is_finite(e)]:
        estimators.remove(estimator)
        refusals[estimator.kind.name] = FitRunsOff(estimator.kind.name)
    valley = None
    if estimators:
        try:
            valley = learn(table, origin)
        except RefusedError as error:
            refusals[EstimatorName.HEADLINE] = error.refusal
    records = [surface.to_record(fit, tests[name]) for name, fit in surfaces.items()]
    noise = _split(table, surfaces, tests.get(MOST_FLEXIBLE), seed)
    return Parts(
        curves=tuple(
            fitted.record(cost, sigma, seeds.get(budget, (None, 0))[0], freedom=freedom)
            for budget, fitted in enumerate(curves)
        ),
        surfaces=(*records, *([huber.record()] if huber else [])),
        estimators=tuple(estimators),
        uncertainty=Uncertainty.of(estimators, noise),
        valley=valley,
        origin=origin,
        refusals=refusals,
        noise=_noise_record(table, noise, sigma, freedom, seed, seed_freedom, seeds),
        warnings=_warnings(table, curves, tests, outliers),
    )


def _fit_curves(table: RunTable, outliers: NDArray[np.bool_], shift: Floats | None = None) -> list[CurveFit]:
    """Every budget's curve, without the runs that are outliers."""
    curves = []
    for budget, flops in enumerate(table.budgets):
        at = np.flatnonzero((table.budget == budget) & ~outliers)
        moved = None if shift is None else shift[at]
        curves.append(fit_budget(float(flops), table.params[at], table.tokens[at], table.loss[at], at, moved))
    return curves


def _shift_to_budget(table: RunTable, surfaces: Mapping[EstimatorName, SurfaceFit]) -> Floats | None:
    """What each loss (n,) would change by, its size kept, if the run had met its budget exactly; None if all have.

    Runs read off a figure miss their budget by up to a fifth, which changes a loss by more than the noise.
    """
    nominal = table.budgets[table.budget]
    if not surfaces or float(np.abs(np.log(nominal / table.flops)).max()) < 1e-4:
        return None
    fit = surfaces[EstimatorName.JOINT_SKEW]
    tokens = table.tokens * nominal / table.flops
    theta = fit.theta[None]
    there = surface.loss_at(fit.form, theta, fit.origin, table.params, tokens, nominal)
    here = surface.loss_at(fit.form, theta, fit.origin, table.params, table.tokens, table.flops)
    return np.asarray((there - here)[0])


def _curve_noise(curves: Sequence[CurveFit], seed: float | None, seed_freedom: int) -> tuple[float, int]:
    """Noise pooled over the cubics of the budgets that have one; at least the noise between seeds."""
    pairs = [(fit.residual, len(fit.params) - 4) for fit in curves if np.isfinite(fit.residual)]
    sigma, freedom = interval.pooled(pairs)
    if freedom == 0 and seed is not None:
        return seed, seed_freedom
    return (max(sigma, seed) if seed is not None else sigma), freedom


def _surface_noise(surfaces: Mapping[EstimatorName, SurfaceFit]) -> tuple[float, int]:
    if not surfaces:
        return float("nan"), 0
    fit = surfaces[EstimatorName.JOINT_SKEW]
    return float(np.sqrt((fit.residuals**2).sum() / max(fit.freedom, 1))), max(int(fit.freedom), 1)


def _fit_surfaces(
    table: RunTable, origin: Origin, curves: Sequence[CurveFit], sigma: float
) -> tuple[dict[EstimatorName, SurfaceFit], dict[EstimatorName, Refusal]]:
    """The surfaces, or why there are none."""
    refusal = _surface_refusal(table, curves)
    if refusal:
        return {}, dict.fromkeys(LEAST_SQUARES, refusal)
    design = origin.design(table.params, table.tokens, table.flops)
    try:
        if not np.isfinite(sigma):
            sigma = _surface_noise(surface.fit_all(design, origin, table.loss, 0.01 * float(np.ptp(table.loss))))[0]
        return surface.fit_all(design, origin, table.loss, max(sigma, 1e-9 * float(table.loss.mean()))), {}
    except RefusedError as error:
        return {}, dict.fromkeys(LEAST_SQUARES, error.refusal)


def _surface_refusal(table: RunTable, curves: Sequence[CurveFit]) -> Refusal | None:
    if len(table.budgets) < FEWEST_BUDGETS:
        return TooFewBudgets(len(table.budgets), FEWEST_BUDGETS)
    if len(table) < FEWEST_RUNS:
        return TooFewRuns(len(table), FEWEST_RUNS)
    if len(np.unique(np.round(np.log(table.params), 3))) < 3:
        return SizesTooAlike()
    full = [fit for fit in curves if fit.enough]
    if full and not any(_BY_POLYNOMIAL & set(fit.fits) for fit in full):
        return NoMinimum(tuple(sorted({refusal.reason for fit in full for refusal in fit.refusals.values()})))
    return None


def _outliers(table: RunTable, surfaces: Mapping[EstimatorName, SurfaceFit]) -> NDArray[np.bool_]:
    """Runs that no surface can explain, shape (n,); none in a budget with many: there the surfaces are wrong."""
    out = np.zeros(len(table), dtype=bool)
    if not surfaces:
        return out
    out = np.asarray(np.all([fit.weights < GROSS for fit in surfaces.values()], axis=0), dtype=bool)
    for budget in range(len(table.budgets)):
        at = table.budget == budget
        if out[at].sum() > 0.2 * at.sum():
            out[at] = False
    return out


def _split(
    table: RunTable, surfaces: Mapping[EstimatorName, SurfaceFit], test: LackOfFit | None, seed: float | None
) -> interval.NoiseSources | None:
    """The noise by source, from the residuals of the most flexible surface.

    What whole budgets share is looked for only where the curves scatter about that surface more than about their own
    cubics: estimated from a handful of budgets, it would widen every interval for nothing.
    """
    if not surfaces:
        return None
    fit = surfaces[MOST_FLEXIBLE]
    budgets = test is None or test.p < SUSPECT
    return interval.split_noise(fit.residuals, fit.hat, interval.shared_factors(table, budgets), seed or 0.0)


def _noise_record(
    table: RunTable,
    noise: interval.NoiseSources | None,
    sigma: float,
    freedom: int,
    seed: float | None,
    seed_freedom: int,
    seeds: Mapping[int, tuple[float, int]],
) -> Noise:
    """The noise as a law reports it."""
    sources = dict(zip(noise.names, np.sqrt(noise.variances).tolist(), strict=True)) if noise else {}
    return Noise(
        sigma=sigma if np.isfinite(sigma) else None,
        degrees_of_freedom=freedom,
        seed_sigma=seed,
        seed_degrees_of_freedom=seed_freedom,
        seed_sigma_interval=None
        if seed is None
        else Interval(*(seed * ratio for ratio in interval.sigma_interval(seed_freedom))),
        seed_sigma_by_budget=tuple(
            SeedNoise(float(table.budgets[b]), value, count) for b, (value, count) in sorted(seeds.items())
        ),
        sources=sources,
    )


def _test(fit: SurfaceFit, curves: Sequence[CurveFit], seed: float | None) -> LackOfFit | None:
    """Lack of fit of a surface on the runs of the budgets that have a cubic; seeds join the pure error."""
    tested = [curve for curve in curves if np.isfinite(curve.residual) and len(curve.params) > 5]
    if len(tested) < FEWEST_BUDGETS:
        return None
    at = np.concatenate([curve.rows for curve in tested])
    pure_freedom = sum(len(curve.params) - 4 for curve in tested)
    pure = sum(curve.residual**2 * (len(curve.params) - 4) for curve in tested)
    if seed is not None:
        pure = max(pure, seed**2 * pure_freedom)
    squares = float((fit.residuals[at] ** 2).sum())
    return interval.lack_of_fit(squares, len(at) - fit.hat.trace, pure, pure_freedom)


def _surface_estimator(fit: SurfaceFit, test: LackOfFit | None) -> Estimator:
    inflation = float(np.sqrt(max(1.0, test.f))) if test and test.p < REJECTED else 1.0
    note = f"lack of fit (F = {test.f:.3g}): error inflated ×{inflation:.2f}" if test and inflation > 1 else ""
    return Estimator(LEAST_SQUARES[fit.form.name], fit.theta, fit.influence, fit.prior_covariance, inflation, note)


def _huber_estimator(fit: Approach3, table: RunTable, origin: Origin) -> Estimator:
    theta, influence = as_additive(fit, table, origin)
    return Estimator(APPROACH_3, theta, influence, np.zeros((len(theta), len(theta))), note="Chinchilla's approach 3")


def _is_finite(estimator: Estimator) -> bool:
    arrays = (estimator.theta, estimator.influence, estimator.prior_covariance)
    return all(bool(np.isfinite(array).all()) for array in arrays)


def _line(kind: LineKind, curves: Sequence[CurveFit], origin: Origin, runs: int, sigma: float) -> Estimator | Refusal:
    """Power laws through the minima; where the curve is not a parabola, the parabola near its minimum steps in."""
    if kind == PARABOLA:
        local = EstimatorName.PARABOLA_NEAR_MINIMUM
        curves = [
            replace(fit, fits={**fit.fits, kind.name: fit.fits[local]}) if local in fit.fits else fit for fit in curves
        ]
    return line_estimator(kind, curves, origin, runs, sigma)


def _warnings(
    table: RunTable,
    curves: Sequence[CurveFit],
    tests: Mapping[EstimatorName, LackOfFit | None],
    outliers: NDArray[np.bool_],
) -> tuple[str, ...]:
    out = list(table.warnings)
    if table.excluded:
        out.append(describe_excluded(table.excluded))
    if outliers.any():
        named = ", ".join(table.names[index] for index in np.flatnonzero(outliers)[:5])
        be = "is" if outliers.sum() == 1 else "are"
        count = plural(int(outliers.sum()), "run")
        out.append(f"{count} {be} too far from every surface for a budget's curve: {named}.")
    refused = [fit for fit in curves if fit.refusals]
    out += [refusal_sentence(curve.flops, curve.refusals) for curve in refused[:8]]
    if len(refused) > 8:
        have = "budget has" if len(refused) == 9 else "budgets have"
        out.append(f"{len(refused) - 8} further {have} refusals.")
    rejected = [name for name, test in tests.items() if test and test.p < REJECTED]
    if rejected:
        named = join_words(name.label for name in rejected)
        out.append(f"Lack of fit rejects {named}: kept, with a wider error.")
    return tuple(out)

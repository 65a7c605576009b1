"""Spikes: single losses that no smooth surface through the other runs explains, set aside before anything is fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.table.excluded import ExcludedRow
from analysis.table.table import RunTable

Floats = NDArray[np.float64]

ERRORS = 8.0
"""A spike lies at least this many standard errors off the surface through the other runs."""
CHANCE = 1e-7
"""Probability, by Student's t over all runs of a table, that noise alone lies as far off."""
NEIGHBOURS, THIRD, TIMES = 8, 3, 10.0
"""A spike lies `TIMES` farther off than the `THIRD` farthest of its company, such as its `NEIGHBOURS`: a wall that no
polynomial follows moves several runs, and two spikes side by side do not hide each other."""
DEEP = 0.6
"""A spike is at least this share of its curve's depth; what is smaller, the surfaces weigh down themselves."""
MOST = 0.2
"""Where a larger share of the runs lies off the surface, the surface is wrong: nothing is set aside."""
TRIMMED = 0.8
"""Share of the runs that the first surface, by least trimmed squares, is fitted to."""
_STARTS, _STEPS, _ROUNDS = 60, 4, 10
"""Random starts of that fit, its steps from each, and rounds of refitting to the runs that it explains."""
_EXPLAINED = 6.0
"""Runs within this many standard deviations of the surface are refitted."""


@dataclass(frozen=True)
class _Offsets:
    """How far runs lie off the surface through the others; arrays of shape (n,)."""

    off: Floats
    """Loss minus the surface through the other runs."""
    errors: Floats
    """`off` in its standard errors."""
    sigma: float
    """Standard deviation of the explained runs about the surface."""
    fitted: Floats
    """The surface at the runs."""
    freedom: int
    """Degrees of freedom of `sigma`."""
    explained: NDArray[np.bool_]
    """Which runs the surface is fitted to."""


def set_aside_spikes(table: RunTable) -> RunTable:
    """The table without the runs whose loss no curve explains, these among its excluded rows with the reason.

    The rule: a cubic surface in ln N and ln C, fitted so that a fifth of the runs cannot draw it along, is compared
    with every run. A run is a spike where its distance from that surface is at once `ERRORS` standard errors (or what
    Student allows with probability `CHANCE`), `TIMES` that of the third farthest of its company, and `DEEP` of the
    depth of its budget's curve. The three together tell a spike from noise, from runs far from the valley, which lie
    off in company, and from what robust weights cope with.

    False positives: none of the 1,064 rows of 12 published tables (Chinchilla, Llama 3, Marin, Porian and others; the
    nearest reaches half of what it would take), and none of 162,000 clean rows of 4,000 simulated tables (3 to 8
    budgets of 5 to 9 sizes, five truths, Gaussian noise of 0 to 0.03 nats), so fewer than one row in 50,000 at 95 %.
    Of single losses that were moved by 1 to 7 nats up or 1 down it found 98 %, of pairs 96 %.
    """
    found = _offsets(table)
    if found is None:
        return table
    spikes = _spikes(table, found)
    if not spikes.any():
        return table
    rows = tuple(_row(table, found, int(index)) for index in np.flatnonzero(spikes))
    curves = table.curves and table.curves.without({row.run for row in rows})
    return replace(table.select(~spikes), excluded=(*table.excluded, *rows), curves=curves)


def _row(table: RunTable, found: _Offsets, index: int) -> ExcludedRow:
    loss, off = float(table.loss[index]), float(found.off[index])
    side = "above" if off > 0 else "below"
    reason = f"its loss of {loss:.4g} is {abs(off):.3g} {side} the curves of the other runs"
    return ExcludedRow(table.names[index], float(table.flops[index]), float(table.params[index]), loss, reason)


def _spikes(table: RunTable, found: _Offsets) -> NDArray[np.bool_]:
    """Which runs (n,) pass all three tests; none where more than `MOST` of the runs are off."""
    from scipy.special import stdtrit

    off = np.abs(found.off)
    errors = max(ERRORS, float(stdtrit(found.freedom, 1 - CHANCE / (2 * len(off)))))
    company = np.maximum(_company(table, off), found.sigma)
    depth = np.array([np.ptp(found.fitted[table.budget == budget]) for budget in range(len(table.budgets))])
    spikes = (np.abs(found.errors) > errors) & (off > TIMES * company) & (off > DEEP * depth[table.budget])
    return spikes if (~found.explained).mean() <= MOST else np.zeros(len(off), dtype=bool)


def _company(table: RunTable, off: Floats) -> Floats:
    """How far off (n,) the `THIRD` farthest-off of a run's company is, in ln N along the valley and ln C.

    The company is the run's nearest runs, and the nearest of every other budget: a wall stands at the same place of
    every curve. The farther of the two counts.
    """
    x, y = _coordinates(table)
    along = (x[:, None] - x[None]) ** 2
    apart = along + (y[:, None] - y[None]) ** 2
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(x) - 1)]
    company = np.sort(off[nearest], axis=1)[:, -THIRD]
    runs = [np.flatnonzero(table.budget == budget) for budget in range(len(table.budgets))]
    same_place = np.stack([off[at][np.argmin(along[:, at], axis=1)] for at in runs], axis=1)
    same_place[np.arange(len(off)), table.budget] = 0
    if len(runs) > THIRD:
        company = np.maximum(company, np.sort(same_place, axis=1)[:, -THIRD])
    return np.asarray(company)


def _coordinates(table: RunTable) -> tuple[Floats, Floats]:
    """ln N − ½ ln C and the budget's ln C, both (n,), centred and scaled."""
    log_c = np.log(table.budgets)[table.budget]
    x, y = np.log(table.params) - 0.5 * log_c, log_c
    return _scaled(x), _scaled(y)


def _scaled(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-9))


def _design(table: RunTable) -> Floats:
    """Powers (n, P) of the coordinates up to the third, fewer where budgets or runs are few."""
    x, y = _coordinates(table)
    most = min(len(table.budgets) - 1, 3 if len(table.budgets) > 5 else 2)
    terms = [(a, b) for a in range(4) for b in range(most + 1) if a + b <= 3]
    if len(x) < 2 * len(terms):
        terms = [(a, b) for a, b in terms if a + b <= 2 or a == 3]
    if len(x) < 2 * len(terms):
        terms = [(a, b) for a, b in terms if a + b <= 2]
    return np.stack([x**a * y**b for a, b in terms], axis=1)


def _offsets(table: RunTable) -> _Offsets | None:
    """How far runs lie off a surface through the others; None where there are too few, or clearly no spike."""
    design, loss = _design(table), table.loss
    n, parameters = design.shape
    if n < parameters + 3 or _calm(design, loss, table):
        return None
    residual = loss - design @ _trimmed(design, loss)
    sigma = float(np.sort(np.abs(residual))[min(n - 1, (n + parameters) // 2)]) / 0.6745
    least = 1e-6 * float(np.abs(loss).mean())
    explained = np.ones(n, dtype=bool)
    for _ in range(_ROUNDS):
        explained = np.abs(residual) < _EXPLAINED * max(sigma, least)
        if explained.sum() < parameters + 2:
            return None
        residual = loss - design @ _solve(design[explained], loss[explained])
        sigma = float(np.sqrt((residual[explained] ** 2).sum() / (explained.sum() - parameters)))
    sigma = max(sigma, least)
    inverse = np.linalg.pinv(design[explained].T @ design[explained])
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    # A run that is part of the fit has drawn the surface towards itself; one that is not adds the surface's error.
    free = np.maximum(1 - leverage, 0.01)
    off = np.where(explained, residual / free, residual)
    error = sigma * np.where(explained, 1 / np.sqrt(free), np.sqrt(1 + leverage))
    return _Offsets(off, off / error, sigma, loss - residual, int(explained.sum()) - parameters, explained)


def _calm(design: Floats, loss: Floats, table: RunTable) -> bool:
    """Whether no run, compared with plain least squares through the others, is even half as far off as a spike."""
    base = np.linalg.qr(design)[0]
    leverage = (base**2).sum(axis=1)
    off = np.abs(loss - base @ (base.T @ loss)) / np.maximum(1 - leverage, 0.01)
    depth = np.array([np.ptp(loss[table.budget == budget]) for budget in range(len(table.budgets))])
    return bool((off < 0.5 * DEEP * float(np.median(depth))).all())


def _trimmed(design: Floats, loss: Floats) -> Floats:
    """Coefficients (P,) that least squares gives on the `TRIMMED` share of runs that it explains best.

    The best of many starts from a few random runs and one from all; each is refitted to the runs nearest to it.
    """
    n, parameters = design.shape
    base, triangle = np.linalg.qr(design)
    kept = max(parameters + 1, int(np.ceil(TRIMMED * n)))
    order = np.random.default_rng(0).random((_STARTS, n)).argsort(axis=1)
    weights = np.vstack([np.ones(n), order < min(parameters + 2, n)])
    for _ in range(_STEPS):
        normal = np.einsum("bi,ij,ik->bjk", weights, base, base, optimize=True) + 1e-12 * np.eye(parameters)
        found = np.linalg.solve(normal, ((weights * loss) @ base)[..., None])[..., 0]
        squares = (loss - found @ base.T) ** 2
        rank = squares.argsort(axis=1, kind="stable").argsort(axis=1)
        weights = (rank < kept).astype(float)
    best = int((squares * weights).sum(axis=1).argmin())
    return np.asarray(np.linalg.lstsq(triangle, found[best], rcond=None)[0])


def _solve(design: Floats, loss: Floats) -> Floats:
    return np.asarray(np.linalg.lstsq(design, loss, rcond=None)[0])

"""The marginal likelihood of the scales: against the explicit Gaussian one, and its gradient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from analysis.fitting.valley.evidence import TAILS, Linearised, linearise
from analysis.fitting.valley.hyper import Scales, log_prior
from analysis.fitting.valley.prior import additive_prior, prior
from analysis.fitting.valley.rows import Whole
from tests.unit.analysis.fitting.valley.made import jacobian, model, parameters, scales, shared_sizes, slopes
from tests.unit.analysis.law_tables import Floats


def linear(at: Scales | None = None) -> Linearised:
    made = model(shared_sizes(repeats=2, noise=0.05))
    repeated = np.random.default_rng(3).uniform(0.5, 1, len(made.loss))
    beta = parameters(made, spread=0.02)
    return linearise(made, beta, np.array(at or scales(noise=0.05)), repeated)


def test_heavy_tails_weigh_a_run_far_off_less() -> None:
    found = linear()
    variance = 0.05**2 * found.repeated + (0.01 * found.at.height) ** 2
    squares = (found.model.loss - found.at.loss) ** 2 / variance
    assert found.tails == pytest.approx((TAILS + 1) / (TAILS + squares))
    assert found.tails[np.argmax(squares)] < 0.5 and found.tails.max() == pytest.approx((TAILS + 1) / TAILS, rel=0.01)


def explicit(found: Linearised, at: Floats) -> float:
    """ln of the marginal likelihood of losses that are linear in parameters with a Gaussian prior; some are free."""
    model, named = found.model, Scales(*at)
    variance = np.add(*model.variances(named, found.at.height, found.repeated)) / found.tails
    mean, precision, *_ = prior(model, named, found.theta)
    widths = np.where(precision > 0, 1 / np.where(precision > 0, precision, 1), 100.0)
    rows = jacobian(found.at)
    expected = found.at.loss + rows @ (mean - found.beta)
    # The distance from an additive valley is one more observation, of zero.
    rows = np.vstack([rows, found.at.off_row])
    expected = np.append(expected, found.at.off + found.at.off_row @ (mean - found.beta))
    variance = np.append(variance, 1 / additive_prior(model, named)[0])
    covariance = np.diag(variance) + rows * widths @ rows.T
    return float(multivariate_normal.logpdf(np.append(model.loss, 0.0), expected, covariance)) + log_prior(at)[0]


def test_it_is_the_gaussian_marginal_likelihood_but_for_a_constant() -> None:
    found, first = linear(), np.array(scales(noise=0.05))
    for change in (
        {"noise": 0.02}, {"misfit": 0.3}, {"exponent_drift": 2.0}, {"slope_drift": 1.0}, {"sides": 9.0},
        {"offset": 1.0}, {"tilt": 1.0}, {"size": 1.0}, {"additive": 2.0}, {"irreducible": 9.0},
    ):  # fmt: skip
        other = np.array(scales(**{"noise": 0.05, **change}))
        difference = found.solve(other).log_evidence - found.solve(first).log_evidence
        expected = explicit(found, other) - explicit(found, first)
        assert abs(expected) > 0.05
        assert difference == pytest.approx(expected, rel=1e-3, abs=1e-3), change


def test_the_gradient_is_that_of_the_evidence() -> None:
    found, at = linear(), np.array(scales(noise=0.04, misfit=0.05, sides=2.0))
    expected = slopes(lambda s: np.asarray(found.solve(s).log_evidence), at, step=1e-4)
    assert (np.abs(expected) > 1e-3).all()
    assert found.solve(at).gradient == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_the_parameters_and_their_covariance_solve_the_weighted_ridge() -> None:
    found, at = linear(), scales(noise=0.04)
    solved = found.solve(np.array(at))
    mean, precision, *_ = prior(found.model, at, found.theta)
    variance = np.add(*found.model.variances(at, found.at.height, found.repeated))
    rows, weights = jacobian(found.at), found.tails / variance
    row, additive = found.at.off_row, additive_prior(found.model, at)[0]
    normal = rows.T * weights @ rows + np.diag(precision) + additive * np.outer(row, row)
    assert solved.covariance @ normal == pytest.approx(np.eye(len(mean)), abs=1e-6)
    pull = rows.T @ (weights * (found.model.loss - found.at.loss)) - precision * (found.beta - mean)
    pull -= additive * found.at.off * row
    assert solved.beta - found.beta == pytest.approx(np.linalg.solve(normal, pull), abs=1e-8)


def test_what_has_no_solution_has_no_evidence() -> None:
    found = linear()
    same = jacobian(found.at).copy()
    same[:, [1, 5]] = same[:, [0]]  # three free parameters with one effect
    broken = replace(found, at=replace(found.at, rows=Whole(same)))
    solved = broken.solve(np.array(scales()))
    assert solved.log_evidence == -np.inf and (solved.gradient == 0).all()


def test_without_its_gradient_the_solution_is_the_same() -> None:
    found, at = linear(), np.array(scales(noise=0.04))
    full, bare = found.solve(at), found.solve(at, slopes=False)
    assert bare.log_evidence == full.log_evidence and np.array_equal(bare.beta, full.beta)
    assert np.isnan(bare.gradient).all() and np.isfinite(full.gradient).all()

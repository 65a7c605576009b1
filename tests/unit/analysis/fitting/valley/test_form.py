"""The drifting valley as a surface: its special case, its path and floor, and its derivatives."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting import forms
from analysis.fitting.forms import Design
from analysis.fitting.parameters import JointSkewTheta
from analysis.fitting.valley.form import FIXED, ValleyForm, ValleyTheta, derivatives, height, off_additive, positive
from analysis.fitting.valley.walk import Walk
from tests.unit.analysis.fitting.valley.made import THETA, slopes
from tests.unit.analysis.law_tables import Floats

FORM = ValleyForm(Walk.through(np.linspace(-2.3, 2.3, 5)))
STEPS = len(FORM.walk.knots)
C = np.array([-3.0, -1.2, 0.0, 0.4, 1.7, 6.0])


def vector(theta: ValleyTheta = THETA, spread: float = 0.1) -> Floats:
    return np.concatenate([theta, np.random.default_rng(1).normal(0, spread, 2 * STEPS)])


@pytest.mark.parametrize("depth", [0.0, None])
def test_without_drift_it_is_the_joint_skew_surface(depth: float | None) -> None:
    """E = L0 − s/g and K = s/g; exactly with the depth that undoes the smoothing of g₊, else nearly."""
    g, slope = 1.0, 0.7
    undone = float(np.log(positive(g)[0] / g))
    assert 0 <= undone < 1e-9
    theta = THETA._replace(
        log_slope=np.log(slope),
        flattening=g,
        depth=undone if depth is None else depth,
        narrowing=0.0,
        p_trend=0.0,
        q_trend=0.0,
    )
    skew = JointSkewTheta(
        floor=THETA.level - slope / g,
        log_scale=np.log(slope / g),
        log_g=np.log(g),
        n0=THETA.n0,
        exponent=THETA.exponent,
        log_p=THETA.log_p,
        log_q=THETA.log_q,
    )
    x, c = (grid.ravel() for grid in np.meshgrid(np.linspace(-2, 2, 9), np.linspace(-2, 2, 5)))
    at = Design(x, c - x, c)
    expected = forms.JOINT_SKEW.value(np.array(skew)[None], at)
    found = FORM.value(vector(theta, spread=0.0)[None], at)
    assert found == pytest.approx(expected, rel=1e-12 if depth is None else 1e-3)


def test_its_least_loss_at_equal_compute_is_the_floor_on_the_path() -> None:
    theta = vector()[None]
    for c in (-2.0, 0.3, 3.0):
        path, floor = FORM.path(theta, np.array([c]))[0, 0], FORM.floor(theta, np.array([c]))[0, 0]
        x = path + np.linspace(-1, 1, 2001)
        losses = FORM.value(theta, Design(x, c - x, np.full_like(x, c)))[0]
        assert x[np.argmin(losses)] == pytest.approx(path, abs=1e-9)
        assert losses.min() == pytest.approx(floor, rel=1e-12)
        assert losses[0] - floor > 0.01 and losses[-1] - floor > 0.01


def test_the_walks_add_to_path_and_floor() -> None:
    theta = vector()
    still = np.where(np.arange(len(theta)) < FIXED, theta, 0.0)
    added = FORM.path(theta[None], C) - FORM.path(still[None], C)
    assert added[0] == pytest.approx(FORM.walk.rows(C) @ theta[FIXED : FIXED + STEPS])
    lifted = FORM.floor(theta[None], C) - FORM.floor(still[None], C)
    assert lifted[0] == pytest.approx(0.18 * FORM.walk.rows(C) @ theta[FIXED + STEPS :])
    assert FORM.path(still[None], np.array([2.0]))[0, 0] == pytest.approx(0.1 + 0.45 * 2)


def test_every_vector_may_have_coordinates_of_its_own() -> None:
    theta = np.stack([vector(), vector(THETA._replace(exponent=0.6))])
    c = np.stack([C, C[::-1]])
    x = 0.5 * c + 0.2
    found = FORM.value(theta, Design(x, c - x, c))
    each = [FORM.value(one[None], Design(x[i], c[i] - x[i], c[i]))[0] for i, one in enumerate(theta)]
    assert found == pytest.approx(np.array(each))


def test_gradients_of_path_and_floor_are_their_finite_differences() -> None:
    theta = vector()
    path, floor = FORM.gradients(theta, C)
    assert path == pytest.approx(slopes(lambda t: FORM.path(t[None], C)[0], theta), abs=1e-7)
    assert floor == pytest.approx(slopes(lambda t: FORM.floor(t[None], C)[0], theta), abs=1e-7)


@pytest.mark.parametrize("flattening", [0.3, 0.01, -0.05])
def test_derivatives_by_the_fixed_parameters_are_finite_differences(flattening: float) -> None:
    theta = vector(THETA._replace(flattening=flattening))
    x = 0.5 * C + np.array([-1.5, 1.0, 0.3, 2.0, -0.4, 0.8])
    named, _, steps = FORM.split(theta[None])
    above = height(THETA._replace(flattening=flattening), x - FORM.path(theta[None], C)[0], C)
    own = ValleyTheta(*(float(value[0, 0]) for value in named))
    found = derivatives(own, C, FORM.walk.values(steps, C)[0], above)
    expected = slopes(lambda t: FORM.value(t[None], Design(x, C - x, C))[0], theta)[:, :FIXED]
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_the_sides_change_with_c_and_far_off_no_more() -> None:
    theta, u = THETA._replace(narrowing=-THETA.flattening), np.array([-1.5, 1.5])
    assert not np.allclose(height(theta, u, 0.0).height, height(theta, u, 12.0).height, rtol=0.05)
    assert height(theta, u, 30.0).height == pytest.approx(height(theta, u, 12.0).height)
    assert height(theta, u, -30.0).height == pytest.approx(height(theta, u, -12.0).height)
    steeper = theta._replace(log_p=theta.log_p + 12 * theta.p_trend, log_q=theta.log_q + 12 * theta.q_trend)
    expected = height(steeper._replace(p_trend=0.0, q_trend=0.0), u, 12.0)
    assert height(theta, u, 12.0).height == pytest.approx(expected.height)


def test_the_height_rises_as_its_derivatives_say() -> None:
    u, c = np.array([-2.0, -0.5, 0.0, 0.7, 1.8]), 0.6
    found, step = height(THETA, u, c), 1e-6
    along = (height(THETA, u + step, c).height - height(THETA, u - step, c).height) / (2 * step)
    assert found.along == pytest.approx(along, abs=1e-8)
    assert found.height[2] == 0 and (np.delete(found.height, 2) > 0).all()


def test_an_additive_surface_is_at_no_distance_from_one() -> None:
    alpha, beta = 0.34, 0.28
    sides = THETA._replace(flattening=alpha * beta / (alpha + beta), log_p=np.log(alpha), log_q=np.log(beta))
    assert off_additive(sides)[0] == pytest.approx(0.0, abs=2e-3)  # g₊ is not quite g
    assert off_additive(sides._replace(flattening=2 * sides.flattening))[0] == pytest.approx(np.log(2), abs=2e-3)


@pytest.mark.parametrize("flattening", [0.3, 0.01, -0.05])
def test_the_distance_from_an_additive_surface_changes_as_its_derivatives_say(flattening: float) -> None:
    theta = np.array(THETA._replace(flattening=flattening))
    expected = slopes(lambda t: np.asarray(off_additive(ValleyTheta(*t))[0]), theta)
    assert off_additive(ValleyTheta(*theta))[1] == pytest.approx(expected, abs=1e-7)


def test_g_is_kept_positive_smoothly() -> None:
    g = np.array([-1.0, -0.02, 0.0, 0.02, 1.0])
    value, rise = positive(g)
    assert (value > 0).all() and value[-1] == pytest.approx(1.0, abs=1e-9) and value[2] == pytest.approx(0.03)
    assert rise == pytest.approx((positive(g + 1e-6)[0] - positive(g - 1e-6)[0]) / 2e-6, abs=1e-4)


def test_far_sizes_do_not_overflow() -> None:
    far = np.array([-500.0, 500.0])
    with np.errstate(over="raise"):
        assert np.isfinite(height(THETA, far, np.array([0.0, -1e4])).height).all()

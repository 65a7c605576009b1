"""Forms: Jacobians against differences, values against the formulas, and the bend of a path."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.forms import ADDITIVE, JOINT_SKEW, JOINT_SKEW_BENT, SKALING, Design, SurfaceForm, bent

FORMS = (ADDITIVE, SKALING, JOINT_SKEW, JOINT_SKEW_BENT)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_jacobians_are_the_derivatives_of_the_values(form: SurfaceForm) -> None:
    generator = np.random.default_rng(0)
    at = Design(*generator.normal(0, 1.5, (3, 9)))
    theta = generator.normal(-0.5, 0.4, (4, len(form.prior_mean)))
    value, jacobian = form.jacobian(theta, at)
    assert np.allclose(value, form.value(theta, at))
    for j in range(theta.shape[1]):
        step = np.zeros(theta.shape[1])
        step[j] = 1e-6
        slope = (form.value(theta + step, at) - form.value(theta - step, at)) / 2e-6
        assert np.allclose(jacobian[..., j], slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("g", [-0.3, -1e-5, 0.0, 1e-5, 0.1, 2.0])
def test_the_bend_is_smooth_through_zero(g: float) -> None:
    c = np.linspace(-3, 5, 33)
    h, slope = bent(np.full_like(c, g), c)
    exact = c if g == 0 else (1 - np.exp(-g * c)) / g
    np.testing.assert_allclose(h, exact, rtol=1e-4, atol=1e-9)
    step = 1e-3
    finite = (bent(np.full_like(c, g + step), c)[0] - bent(np.full_like(c, g - step), c)[0]) / (2 * step)
    np.testing.assert_allclose(slope, finite, rtol=1e-3, atol=1e-4)


def at_points() -> Design:
    return Design(np.array([-1.0, 0.5, 2.0]), np.array([0.3, -0.7, 1.1]), np.array([-0.5, 0.2, 1.5]))


def test_values_are_those_of_the_published_formulas() -> None:
    at = at_points()
    e, a, alpha, b, beta, gamma = 1.7, 0.9, 0.34, 0.6, 0.28, 1.3
    theta = np.array([[e, np.log(a), np.log(alpha), np.log(b), np.log(beta)]])
    terms = a * np.exp(-alpha * at.x) + b * np.exp(-beta * at.y)
    assert ADDITIVE.value(theta, at)[0] == pytest.approx(e + terms)
    skaling = np.column_stack([theta, [[np.log(gamma)]]])
    assert SKALING.value(skaling, at)[0] == pytest.approx(e + terms**gamma)


def test_the_joint_skew_valley_is_lowest_on_its_path() -> None:
    e, k, g, n0, a, p, q, kappa = 1.7, 0.8, 0.15, 0.1, 0.45, 0.4, 0.2, 0.2
    theta = np.array([[e, np.log(k), np.log(g), n0, a, np.log(p), np.log(q)]])
    at = at_points()
    u = at.x - n0 - a * at.c
    shape = (q * np.exp(-p * u) + p * np.exp(q * u)) / (p + q)
    assert JOINT_SKEW.value(theta, at)[0] == pytest.approx(e + k * np.exp(-g * at.c) * shape)
    c = np.full(2001, 1.5)
    bent_theta = np.column_stack([theta, [[kappa]]])
    for form, vector in ((JOINT_SKEW, theta), (JOINT_SKEW_BENT, bent_theta)):
        assert form.path is not None
        best = float(form.path(vector, np.array([[1.5]]))[0, 0])
        x = best + np.linspace(-1, 1, 2001)
        values = form.value(vector, Design(x, x, c))[0]
        assert int(np.argmin(values)) == 1000
        assert values[1000] == pytest.approx(e + k * np.exp(-g * 1.5))
    assert JOINT_SKEW.path is not None and JOINT_SKEW_BENT.path is not None
    assert JOINT_SKEW.path(theta, np.array([[1.5]]))[0, 0] == pytest.approx(n0 + a * 1.5)
    bent_path = n0 + a * (1 - np.exp(-kappa * 1.5)) / kappa
    assert JOINT_SKEW_BENT.path(bent_theta, np.array([[1.5]]))[0, 0] == pytest.approx(bent_path)


def test_a_bend_of_zero_is_the_straight_form() -> None:
    theta = np.array([[1.7, -0.2, -2.0, 0.1, 0.45, -0.9, -1.6]])
    bent_theta = np.column_stack([theta, [[0.0]]])
    assert JOINT_SKEW_BENT.value(bent_theta, at_points()) == pytest.approx(JOINT_SKEW.value(theta, at_points()))


def test_only_forms_that_state_their_path_have_one() -> None:
    assert ADDITIVE.path is None and SKALING.path is None

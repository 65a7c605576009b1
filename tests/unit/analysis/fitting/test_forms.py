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

"""The Akima spline: agreement with scipy, its minimum with influence, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.akima import akima_minima


def test_akima_passes_through_its_points_and_agrees_with_scipy() -> None:
    interpolate = pytest.importorskip("scipy.interpolate")
    generator = np.random.default_rng(4)
    x = np.sort(generator.uniform(-2, 2, 8))
    y = x**2 + generator.normal(0, 0.05, (6, 8))
    at, value = akima_minima(x, y)
    for row in range(6):
        spline = interpolate.Akima1DInterpolator(x, y[row])
        fine = np.linspace(x[0], x[-1], 20001)
        assert value[row] == pytest.approx(float(spline(fine).min()), abs=1e-6)
        assert float(spline(at[row])) == pytest.approx(value[row], abs=1e-12)

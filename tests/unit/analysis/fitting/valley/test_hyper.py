"""The priors of the scales."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.valley.hyper import MEDIAN, SPREAD, Scales, log_prior
from tests.unit.analysis.fitting.valley.made import scales, slopes


def test_it_peaks_at_the_medians_whatever_the_noise() -> None:
    for noise in (1e-4, 0.3):
        value, gradient = log_prior(np.array(scales(noise=noise)))
        assert value == pytest.approx(0) and gradient == pytest.approx(0)


def test_one_standard_deviation_off_costs_a_half() -> None:
    for name in Scales._fields[1:]:
        off = getattr(MEDIAN, name) * np.exp(getattr(SPREAD, name))
        assert log_prior(np.array(scales(**{name: off})))[0] == pytest.approx(-0.5)


def test_the_gradient_is_that_of_the_density() -> None:
    at = np.array(scales()) + np.linspace(-2, 2, len(Scales._fields))
    assert log_prior(at)[1] == pytest.approx(slopes(lambda s: np.asarray(log_prior(s)[0]), at), abs=1e-7)
    assert log_prior(at)[1][0] == 0, "the noise is free"

"""The loss of models by a law's valley: through the runs, lowest at the headline's optimum, none without a law."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.figures.surface import off_optimum, surface_loss
from analysis.law import Law
from analysis.records import LawError


def test_it_goes_through_the_runs(fitted: Law) -> None:
    for curve in fitted.curves:
        assert surface_loss(fitted, curve.params, curve.tokens) == pytest.approx(curve.losses, abs=0.04)


def test_its_lowest_point_at_equal_compute_is_the_headline(fitted: Law) -> None:
    for answer in fitted.band([1e12, 1e13]):
        sizes = answer.params * np.exp(np.linspace(-0.5, 0.5, 201))
        losses = surface_loss(fitted, sizes, fitted.cost.tokens(answer.flops, sizes))
        assert sizes[losses.argmin()] == pytest.approx(answer.params, rel=0.01)
        assert losses.min() == pytest.approx(answer.loss, abs=1e-3)


def test_distances_are_from_the_optimum_of_a_model_s_own_compute(fitted: Law) -> None:
    answer = fitted.predict(1e12)
    sizes = [answer.params, 2 * answer.params, answer.params / 3]
    off = off_optimum(fitted, sizes, [float(fitted.cost.tokens(1e12, size)) for size in sizes])
    assert off == pytest.approx([0, math.log(2), -math.log(3)], abs=0.01)


def test_without_a_law_there_is_no_loss(thin: Law) -> None:
    for ask in (surface_loss, off_optimum):
        with pytest.raises(LawError, match="no law"):
            ask(thin, [1e4], [1e6])

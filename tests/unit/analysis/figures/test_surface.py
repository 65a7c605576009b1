"""The loss of many models at once: through the runs, and the headline's at its optimum."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.figures.surface import surface_loss
from analysis.law import Law
from analysis.records import LawError


def test_the_valley_goes_through_the_runs(fitted: Law) -> None:
    for curve in fitted.curves:
        assert surface_loss(fitted, curve.params, curve.tokens) == pytest.approx(curve.losses, abs=0.04)


def test_it_is_the_headlines_loss_at_the_optimum_and_higher_beside_it(fitted: Law) -> None:
    for flops in (1e11, 1e12, 1e13):
        answer = fitted.predict(flops)
        sizes = answer.params * np.array([0.5, 1.0, 2.0])
        found = surface_loss(fitted, sizes, fitted.cost.tokens(flops, sizes))
        assert found[1] == pytest.approx(answer.loss, rel=1e-3)
        assert found[0] > found[1] < found[2]


def test_without_a_law_there_is_no_loss(thin: Law) -> None:
    with pytest.raises(LawError, match="no law could be fitted, so the loss of a model off the optimum is not known"):
        surface_loss(thin, [1e4], [1e6])

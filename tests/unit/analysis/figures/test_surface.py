"""The surfaces of a law: in its shares, through the runs, and compared with the headline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.figures.surface import difference_note, surface_loss, surface_optimum
from analysis.fitting.estimators import SurfaceKind
from analysis.law import Law
from analysis.records import LawError


def test_the_surfaces_go_through_the_runs(fitted: Law) -> None:
    for curve in fitted.curves:
        assert surface_loss(fitted, curve.params, curve.tokens) == pytest.approx(curve.losses, abs=0.04)


def test_the_loss_lies_between_those_of_single_surfaces(fitted: Law) -> None:
    sizes, tokens = [3e4, 1e5, 2e6], [1e6, 3e6, 5e5]
    alone = []
    for state in fitted.estimators:
        if isinstance(state.kind, SurfaceKind):
            design = fitted.origin.design(
                np.array(sizes), np.array(tokens), np.array(tokens) * fitted.cost.flops_per_token(np.array(sizes))
            )
            alone.append(state.kind.form.value(np.asarray(state.theta)[None], design)[0])
    found = surface_loss(fitted, sizes, tokens)
    assert (found >= np.min(alone, axis=0)).all() and (found <= np.max(alone, axis=0)).all()


def test_without_a_surface_there_is_no_loss(thin: Law) -> None:
    with pytest.raises(LawError, match="no surface"):
        surface_loss(thin, [1e4], [1e6])


def test_the_optimum_of_the_surfaces_is_their_lowest_point_at_equal_compute(fitted: Law) -> None:
    answer = fitted.predict(1e12)
    size, loss = surface_optimum(fitted, answer)
    for factor in (0.9, 1.1):
        other = size * factor
        assert surface_loss(fitted, [other], [float(fitted.cost.tokens(1e12, other))])[0] > loss
    assert size == pytest.approx(answer.params, rel=0.2)


def test_a_difference_is_noted_only_where_there_is_one(fitted: Law) -> None:
    answer = fitted.predict(1e12)
    size, loss = surface_optimum(fitted, answer)
    same = replace(answer, params=size, loss=loss)
    assert difference_note(fitted, [same]) == difference_note(fitted, []) == []
    (note,) = difference_note(fitted, [same, replace(same, params=1.2 * size)])
    assert note.startswith("Surfaces and headline differ: at 10¹² FLOPs")
    assert difference_note(fitted, [replace(same, loss=1.02 * loss)])

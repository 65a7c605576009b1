"""Lines of equal loss: even round levels that lie on their loss, and names where they leave the frame."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from analysis.figures.contour_lines import Frame, bottom_names, contour_rows, even_levels, right_names
from analysis.figures.surface import surface_loss
from analysis.law import Law

FRAME = Frame((1e4, 4e6), (2e5, 6e7))


def test_levels_are_evenly_spaced_by_a_round_step(fitted: Law) -> None:
    levels = even_levels(fitted, FRAME, fitted.band([3e11, 3e12, 3e14]))
    steps = {round(before - after, 9) for before, after in pairwise(levels)}
    assert len(steps) == 1 and 5 <= len(levels) <= 13
    (step,) = steps
    mantissa = step / 10 ** np.floor(np.log10(step) + 1e-9)
    assert round(mantissa, 6) in (1, 2, 5)
    assert all(level / step == pytest.approx(round(level / step)) for level in levels)


def test_runs_far_off_do_not_make_the_step_coarse(fitted: Law) -> None:
    first, *others = fitted.curves
    steep = replace(first, losses=(14.0, 12.0, 10.0, *first.losses[3:]))
    frontier = fitted.band([3e11, 3e12, 3e14])
    far = even_levels(replace(fitted, curves=(steep, *others)), FRAME, frontier)
    near = even_levels(fitted, FRAME, frontier)
    assert far[-2] - far[-1] <= 2 * (near[-2] - near[-1])
    assert far[0] < 8


@pytest.mark.parametrize(("beyond", "quantile", "low", "high"), [(False, 1.0, 0, 1.0001), (True, 0.5, 1, np.inf)])
def test_points_lie_on_their_loss_and_on_their_side_of_the_largest_budget(
    fitted: Law, beyond: bool, quantile: float, low: float, high: float
) -> None:
    rows = list(contour_rows(fitted, [3.5, 3.0, 2.5], FRAME, beyond=beyond))
    found = surface_loss(fitted, [row["params"] for row in rows], [row["tokens"] for row in rows])
    assert found == pytest.approx([float(row["level"]) for row in rows], abs=2e-3)
    compute = np.array([row["tokens"] * float(fitted.cost.flops_per_token(row["params"])) for row in rows])
    assert low < np.quantile(compute / fitted.largest_budget, quantile) < high


def test_lines_reach_the_edges_of_the_frame(fitted: Law) -> None:
    rows = [row for beyond in (False, True) for row in contour_rows(fitted, [3.0], FRAME, beyond=beyond)]
    assert max(row["params"] for row in rows) >= FRAME.params[1]
    assert max(row["tokens"] for row in rows) >= FRAME.tokens[1]


def test_names_stand_where_the_lines_leave_the_frame(fitted: Law) -> None:
    levels = [4.5, 4.0, 3.5, 3.0, 2.5]
    right = right_names(fitted, levels, FRAME)
    assert len(right) >= 3
    for tokens, name in right.items():
        assert surface_loss(fitted, [FRAME.params[1]], [tokens])[0] == pytest.approx(float(name), abs=0.01)
    for params, name in bottom_names(fitted, levels, FRAME).items():
        assert surface_loss(fitted, [params], [FRAME.tokens[0]])[0] == pytest.approx(float(name), abs=0.01)

"""Lines of equal loss: even round levels that lie on their loss, and names at their ends."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from analysis.figures.contour_lines import Frame, contour_names, contour_rows, even_levels
from analysis.figures.surface import off_optimum, surface_loss
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


def _reach(law: Law) -> tuple[float, float]:
    off = [off_optimum(law, curve.params, curve.tokens) for curve in law.curves]
    return min(map(min, off)), max(map(max, off))


def test_lines_end_a_little_beyond_the_distance_that_runs_have_from_the_optimum(fitted: Law) -> None:
    rows = [row for beyond in (False, True) for row in contour_rows(fitted, [3.5, 3.0], FRAME, beyond=beyond)]
    off = off_optimum(fitted, [row["params"] for row in rows], [row["tokens"] for row in rows])
    low, high = _reach(fitted)
    assert low - 0.2 <= off.min() < low and high < off.max() <= high + 0.2


def test_lines_leave_the_frame_where_runs_reach_further(fitted: Law) -> None:
    small = Frame((5e4, 2e5), (2e6, 2e7))
    rows = [row for beyond in (False, True) for row in contour_rows(fitted, [3.5], small, beyond=beyond)]
    assert max(row["params"] for row in rows) >= small.params[1] or min(row["tokens"] for row in rows) < small.tokens[0]


def test_names_stand_at_the_ends_of_lines_on_the_side_of_large_models(fitted: Law) -> None:
    levels = [4.5, 4.0, 3.5, 3.0, 2.5]
    names = contour_names(fitted, levels, FRAME)
    assert len(names) >= 3 and [float(n["name"]) for n in names] == sorted(float(n["name"]) for n in names)
    for name in names:
        assert surface_loss(fitted, [name["params"]], [name["tokens"]])[0] == pytest.approx(
            float(name["name"]), abs=0.01
        )
        assert off_optimum(fitted, [name["params"]], [name["tokens"]])[0] > 0.5
        assert FRAME.holds(np.array(name["params"]), np.array(name["tokens"]))
    assert contour_names(fitted, [9.0], FRAME) == []
    close = [3.0 + step / 1000 for step in range(5, -1, -1)]
    assert len(contour_names(fitted, close, FRAME)) == 1, "names that would touch are left out"

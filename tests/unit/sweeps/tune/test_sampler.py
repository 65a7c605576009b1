"""What Optuna is asked: equal questions have equal answers, and later points lie where earlier ones were good."""

from __future__ import annotations

import numpy as np

from sweeps.tune.sampler import promising_points, spread_points

SPANS = np.array([2.0, 1.0])


def test_the_first_points_fill_the_space() -> None:
    points = spread_points(SPANS, 16, 3)
    assert points.shape == (16, 2) and (abs(points) <= SPANS).all()
    quarters = {tuple(np.floor((point / SPANS + 1) * 2).astype(int)) for point in points}
    assert len(quarters) >= 12
    assert (points == spread_points(SPANS, 16, 3)).all() and (points != spread_points(SPANS, 16, 4)).any()


def test_later_points_lie_where_earlier_ones_were_good() -> None:
    seen = spread_points(SPANS, 40, 0)
    regrets = ((seen - np.array([1.0, -0.5])) ** 2).sum(axis=1).tolist()
    points = promising_points(seen * 1.2, regrets, SPANS, 8, 1)
    assert np.abs(points - np.array([1.0, -0.5])).mean() < np.abs(seen - np.array([1.0, -0.5])).mean() / 2
    assert (points == promising_points(seen * 1.2, regrets, SPANS, 8, 1)).all()
    assert len(np.unique(points.round(6), axis=0)) == 8, "points that are asked for at once differ"

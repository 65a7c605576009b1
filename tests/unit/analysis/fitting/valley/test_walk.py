"""The integrated Wiener process: its covariance, and what its values at knots say elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting.valley.walk import BEYOND, MOST_KNOTS, Walk, covariance

BUDGETS = np.array([-2.3, -1.1, 0.2, 1.3, 2.4])


@pytest.mark.parametrize(("a", "b"), [(0.7, 0.7), (0.5, 2.0), (3.0, 1.0), (-0.4, -1.5)])
def test_the_covariance_is_the_integral_over_the_shared_steps(a: float, b: float) -> None:
    """A step at t adds (a − t) to the value at a: the covariance is ∫ (|a| − t)(|b| − t) dt up to the nearer."""
    edges = np.linspace(0, min(abs(a), abs(b)), 20001)
    t = (edges[1:] + edges[:-1]) / 2
    integral = float(((abs(a) - t) * (abs(b) - t)).sum() * (edges[1] - edges[0]))
    assert covariance(np.array([a]), np.array([b]))[0, 0] == pytest.approx(integral, rel=1e-6)


def test_nothing_is_shared_across_the_origin() -> None:
    found = covariance(np.array([-1.0, 0.0, 1.0]), np.array([-2.0, 2.0]))
    assert found[0, 1] == found[2, 0] == 0
    assert (found[1] == 0).all()
    assert found[0, 0] == found[2, 1] == pytest.approx(1 - 1 / 6)


def test_the_knots_are_the_budgets_and_reach_beyond_them() -> None:
    walk = Walk.through(np.repeat(BUDGETS, 2)[::-1])
    assert walk.inside == len(BUDGETS)
    assert walk.knots[: walk.inside] == pytest.approx(BUDGETS)
    assert walk.knots[walk.inside :] == pytest.approx([*(2.4 + np.array(BEYOND)), *(-2.3 - np.array(BEYOND))])
    many = Walk.through(np.linspace(-3, 3, 40))
    assert many.inside == MOST_KNOTS
    assert many.knots[:MOST_KNOTS].min() == -3 and many.knots[:MOST_KNOTS].max() == 3


def test_the_steps_are_independent_and_of_unit_variance() -> None:
    walk = Walk.through(BUDGETS)
    assert walk.factor @ walk.factor.T == pytest.approx(covariance(walk.knots, walk.knots), rel=1e-6, abs=1e-6)


def test_rows_are_exact_at_the_knots_and_expected_between_them() -> None:
    walk = Walk.through(BUDGETS)
    assert walk.rows(walk.knots) == pytest.approx(walk.factor, abs=1e-5)
    c = np.array([-3.0, -1.7, -0.3, 0.0, 0.1, 0.9, 2.0, 3.1, 9.0])
    whole = covariance(walk.knots, walk.knots) + 1e-10 * covariance(walk.knots, walk.knots).max() * np.eye(
        len(walk.knots)
    )
    expected = covariance(c, walk.knots) @ np.linalg.inv(whole) @ walk.factor
    assert walk.rows(c) == pytest.approx(expected, abs=1e-5)
    assert walk.rows(np.array([0.0])) == pytest.approx(0, abs=1e-9), "it starts at zero"


def test_it_is_linear_beyond_the_last_knot_and_curved_within() -> None:
    walk = Walk.through(BUDGETS)
    for end in (walk.knots.max(), walk.knots.min()):
        beyond = walk.rows(end + np.sign(end) * np.array([0.0, 1.0, 2.0, 5.0]))
        rise = beyond[1] - beyond[0]
        assert np.abs(rise).max() > 0.5
        assert beyond == pytest.approx(beyond[0] + np.array([[0.0], [1.0], [2.0], [5.0]]) * rise, abs=1e-6)
    within = walk.rows(np.array([1.4, 1.8, 2.2]))
    assert np.abs(within[0] - 2 * within[1] + within[2]).max() > 1e-3


def test_only_values_beyond_the_budgets_need_the_steps_beyond_them() -> None:
    walk = Walk.through(BUDGETS)
    assert walk.rows(BUDGETS)[:, walk.inside :] == pytest.approx(0, abs=1e-5)
    beyond = walk.rows(np.array([2.4 + 1.0, -2.3 - 1.0]))[:, walk.inside :]
    assert (np.abs(beyond).max(axis=1) > 0.1).all()


@pytest.mark.parametrize("budgets", [6, 60])
def test_values_are_rows_times_steps(budgets: int) -> None:
    walk = Walk.through(BUDGETS)
    steps = np.random.default_rng(0).standard_normal((3, len(walk.knots)))
    c = np.linspace(-4, 20, budgets)
    assert walk.values(steps, c) == pytest.approx(steps @ walk.rows(c).T, abs=1e-9)
    own = c + np.arange(3)[:, None]
    each = [walk.rows(at) @ one for at, one in zip(own, steps, strict=True)]
    assert walk.values(steps, own) == pytest.approx(np.array(each), abs=1e-9)

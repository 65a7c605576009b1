"""Starts of the surfaces: each contains the form it grows from."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitting import starts, surface
from analysis.fitting.forms import ADDITIVE, JOINT_SKEW
from analysis.fitting.surface import Origin
from tests.unit.analysis.law_tables import grid, hoffmann


def test_the_joint_skew_form_contains_the_additive_one() -> None:
    flops, params, tokens = grid()
    origin = Origin.of(params, tokens, flops)
    design = origin.design(params, tokens, flops)
    losses = hoffmann(params, tokens)
    additive = surface.fit_all(design, origin, losses, 1e-7)["additive"].theta
    start = starts.joint_skew_starts(additive, design, losses)[0]
    assert np.allclose(JOINT_SKEW.value(start[None], design)[0], losses, atol=1e-4)


def truth() -> tuple[surface.Design, np.ndarray, np.ndarray]:
    """A design, losses, and the additive parameters that make them."""
    flops, params, tokens = grid()
    origin = Origin.of(params, tokens, flops)
    a, b = np.log(406.4) - 0.34 * origin.n, np.log(410.7) - 0.28 * origin.d
    theta = np.array([1.69, a, np.log(0.34), b, np.log(0.28)])
    return origin.design(params, tokens, flops), hoffmann(params, tokens), theta


def test_the_additive_start_is_near_the_truth_for_a_fine_grid() -> None:
    design, losses, theta = truth()
    (start,) = starts.additive_start(design, losses, 41)
    assert start == pytest.approx(theta, abs=0.25)
    assert ADDITIVE.value(start[None], design)[0] == pytest.approx(losses, abs=0.01)
    assert starts.additive_start(design, losses).shape == (1, 5)


def test_losses_that_rise_with_size_and_data_still_get_a_start() -> None:
    design, losses, _ = truth()
    (start,) = starts.additive_start(design, 10 - losses)
    spread = float(np.ptp(losses))
    low = float((10 - losses).min()) - spread
    assert start == pytest.approx([low, np.log(spread), np.log(0.35), np.log(spread), np.log(0.35)])


def test_skaling_starts_from_the_additive_fit_at_three_gammas() -> None:
    _, _, theta = truth()
    found = starts.skaling_starts(theta)
    assert np.exp(found[:, 5]) == pytest.approx([0.6, 1.0, 1.6])
    assert found[1] == pytest.approx([*theta, 0.0])
    assert np.exp(found[0, 2]) == pytest.approx(0.34 / 0.6) and found[0, 1] == pytest.approx(theta[1] / 0.6)
    assert (found[:, 0] == 1.69).all()


def test_valleys_around_the_additive_one_are_tried_too() -> None:
    design, losses, theta = truth()
    found = starts.joint_skew_starts(theta, design, losses)
    assert found.shape == (7, 7)
    assert np.exp(found[0, 2]) == pytest.approx(0.34 * 0.28 / 0.62)
    assert found[0, 4] == pytest.approx(0.28 / 0.62)
    assert sorted(set(np.round(np.exp(found[1:, 2]), 6))) == [0.08, 0.2]
    for start in found[1:]:
        assert np.abs(JOINT_SKEW.value(start[None], design)[0] - losses).mean() < 0.15


def test_a_bent_path_starts_straight_and_to_either_side() -> None:
    found = starts.bent_starts(np.arange(7.0))
    assert found.shape == (3, 8) and found[:, 7].tolist() == [0.0, 0.1, -0.1]
    assert (found[:, :7] == np.arange(7.0)).all()

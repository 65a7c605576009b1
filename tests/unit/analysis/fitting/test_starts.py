"""Starts of the surfaces: each contains the form it grows from."""

from __future__ import annotations

import numpy as np

from analysis.fitting import starts, surface
from analysis.fitting.forms import JOINT_SKEW
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

"""The score of an interval: its width, and what lying outside costs."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.interval_score import interval_score
from analysis.records import Interval


def test_the_interval_score_is_equation_43() -> None:
    """Gneiting and Raftery (2007): (u - l) + 2/a (l - x) below, + 2/a (x - u) above, with a = 5 %."""
    scores = interval_score(Interval(1.0, 3.0), np.array([2.0, 0.5, 3.25]))
    assert scores.tolist() == pytest.approx([2.0, 2.0 + 40 * 0.5, 2.0 + 40 * 0.25])

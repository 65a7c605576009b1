"""The noise between seeds that earlier revisions of a sweep have measured."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from analysis.fitting.interval import seed_sigma
from analysis.records import LawError
from orchestrator.use_cases.sweep_answers import SweepAnswers
from sweeps.plan.expected_width import USUAL_NOISE, KnownNoise

FEWEST_FREEDOM = 2
"""Least degrees of freedom with which a measured noise replaces the usual one."""


def earlier_noise(revisions: Iterable[SweepAnswers]) -> KnownNoise:
    """The noise between seeds from the first of a sweep's revisions with enough repeats, else the usual noise."""
    for laws in revisions:
        with contextlib.suppress(LawError):
            sigma, freedom, _ = seed_sigma(laws.variants[0].table)
            if sigma is not None and freedom >= FEWEST_FREEDOM:
                known = f"{freedom} degrees of freedom of {laws.sweep.name}@{laws.sweep.revision[:8]}"
                return KnownNoise(sigma, known)
    return USUAL_NOISE

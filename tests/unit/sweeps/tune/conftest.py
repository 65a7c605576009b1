"""A tuning that is played once."""

from __future__ import annotations

import pytest

from sweeps.plan.adaptive import Decision
from tests.unit.sweeps.tune.tuning import play, tune_spec


@pytest.fixture(scope="session")
def played() -> list[Decision]:
    """All rounds of a tuning."""
    return play(tune_spec())

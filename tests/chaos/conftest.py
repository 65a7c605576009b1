"""What every test of faults compares with."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Finished


@pytest.fixture(scope="session")
def expected(finished: Finished) -> dict[str, str]:
    """The unbroken sweep's table, as another Ray on this machine trained it."""
    rows = json.loads(finished.isoflop("show", "tiny", "-o", "json").stdout)["runs"]
    return {row["run"]: f"{row['state']} {float(row['loss']).hex()}" for row in rows}

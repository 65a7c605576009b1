"""A law and its cells, fitted once for the tests of suggestions."""

from __future__ import annotations

import pytest

from analysis.law import Law, fit
from analysis.suggest.cells import Cells
from analysis.suggest.ladder import table_cells
from analysis.table.table import RunTable
from tests.unit.analysis.law_tables import table

ASKED = 1.1e21
"""Eleven times the largest budget."""


@pytest.fixture(scope="session")
def runs() -> RunTable:
    return table(noise=0.005)


@pytest.fixture(scope="session")
def law(runs: RunTable) -> Law:
    return fit(runs, holdout=False)


@pytest.fixture(scope="session")
def cells(runs: RunTable, law: Law) -> Cells:
    return table_cells(runs, law, ASKED).ordered()

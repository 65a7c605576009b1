"""A home with stored sweeps, shared by the tests of use cases and of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.home import Home
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.cli.stored import fill_home


@pytest.fixture(scope="session")
def filled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the sweeps of `fill_home`, to be read only."""
    root = tmp_path_factory.mktemp("stored") / "home"
    fill_home(root)
    return root


@pytest.fixture(scope="session")
def lab(filled_home: Path) -> SweepAnswers:
    """The answers of the finished sweep `lab`, fitted once."""
    return Answering(Workspace(Home(filled_home, "test"))).of("lab")

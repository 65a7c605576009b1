"""The seeded schedules of faults: two of them always, all of them among the slow tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.cluster import Nodes
from tests.chaos.schedules import CHOICES, KINDS, new_stage, play, prepare
from tests.conftest import Finished

ALWAYS = ("torn_checkpoint",)
"""A dead worker, a torn checkpoint and a resumption; the others are slow."""
SEEDS = (0, 1)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, finished: Finished) -> Iterator[tuple[Nodes, Path]]:
    """Two nodes, and a home in which the sweep is submitted; no process is left at the end."""
    folder = tmp_path_factory.mktemp("chaos")
    nodes = Nodes(folder)
    prepare(folder / "template", finished.sandbox.home / "artifacts")
    # Equal bits need an equal choice among equivalent implementations.
    shutil.copytree(finished.sandbox.home / CHOICES, folder / "template" / CHOICES)
    nodes.start()
    yield nodes, folder
    nodes.stop()
    assert nodes.processes() == []


def _play(kind: str, seed: int, cluster: tuple[Nodes, Path], expected: dict[str, str]) -> None:
    nodes, folder = cluster
    assert play(kind, new_stage(nodes, folder / f"{kind}-{seed}", folder / "template", seed), expected)


@pytest.mark.slow  # .ci/run plays it all the same
@pytest.mark.parametrize("kind", ALWAYS)
def test_a_fault_changes_nothing(kind: str, cluster: tuple[Nodes, Path], expected: dict[str, str]) -> None:
    _play(kind, 2, cluster, expected)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_fault_changes_anything(kind: str, seed: int, cluster: tuple[Nodes, Path], expected: dict[str, str]) -> None:
    _play(kind, seed, cluster, expected)

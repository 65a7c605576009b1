"""What carries out attempts has all that the scheduler needs: the pool on Ray, and the stand-in of the tests."""

from __future__ import annotations

import inspect

import pytest

from orchestrator.cluster.cluster import Cluster
from orchestrator.scheduling.executor import Executor
from tests.unit.orchestrator.scheduling.hands import Hands

NEEDED = {name: each for name, each in vars(Executor).items() if inspect.isfunction(each) and not name.startswith("_")}


@pytest.mark.parametrize("kind", [Cluster, Hands])
@pytest.mark.parametrize("name", NEEDED)
def test_it_does_what_the_scheduler_asks(kind: type, name: str) -> None:
    asked, done = (inspect.signature(each) for each in (NEEDED[name], getattr(kind, name)))
    assert list(done.parameters) == list(asked.parameters)
    assert done.return_annotation == asked.return_annotation


def test_the_scheduler_asks_for_eleven_things() -> None:
    assert len(NEEDED) == 11

"""Trains the stored sweep of a home on the cluster, as `isoflop run` does; may kill itself at a chosen place.

    python -m tests.chaos.driver HOME [PLACE:COUNT]

PLACE is `claimed` (a run is claimed in the database and not yet handed to a worker) or `reported` (a worker has
reported a result that is not yet in the database); the process sends itself SIGKILL there for the COUNT-th time.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.cli.interrupts import listening
from orchestrator.cluster.cluster import Cluster
from orchestrator.home import Home
from orchestrator.store import Store
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.workspace import Workspace


def _die_at(owner: type, name: str, count: int) -> None:
    """Replace a method by one that kills this process instead of its `count`-th call."""
    whole: Callable[..., Any] = getattr(owner, name)
    left = [count]

    def deadly(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(*args, **kwargs)

    setattr(owner, name, deadly)


def main() -> None:
    """Train to the end."""
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    if len(sys.argv) > 2:
        place, count = sys.argv[2].split(":")
        owner, name = {"claimed": (Cluster, "assign"), "reported": (Store, "end_all")}[place]
        _die_at(owner, name, int(count))
    workspace = Workspace(Home(Path(sys.argv[1]), "chaos"), say=print)
    with listening():
        Execution(workspace).execute(workspace.store.sweep("tiny"), "cpu", lambda _progress: None)


if __name__ == "__main__":
    main()

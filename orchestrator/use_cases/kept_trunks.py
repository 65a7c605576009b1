"""The states of trunks that are kept: listed with who shares them, and dropped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.scheduling.trunks import kept_steps
from orchestrator.use_cases.workspace import Workspace


def kept_trunks(workspace: Workspace, name: str | None = None) -> list[dict[str, Any]]:
    """The trunks whose states are kept, of one sweep's runs or of all: steps, bytes and who shares them.

    Raises NotFound.
    """
    states = workspace.artifacts.states()
    sweeps = workspace.store.sweeps() if name is None else workspace.store.revisions(name)
    users: dict[str, dict[str, str]] = {}
    for sweep in sweeps if states else []:
        for run in workspace.store.runs_of(sweep.id):
            if run.cell and run.cell.trunk:
                users.setdefault(run.cell.trunk, {})[sweep.name] = run.cell.shape
    return [
        {
            "trunk": trunk,
            "sweeps": ", ".join(users.get(trunk, {})),
            "shape": next(iter(users.get(trunk, {}).values()), ""),
            "steps": sorted(kept_steps(states, trunk)),
            "bytes": sum(sizes.values()),
        }
        for trunk, sizes in sorted(states.items())
        if name is None or trunk in users
    ]


def drop_trunks(workspace: Workspace, trunks: Iterable[str]) -> None:
    """Delete all states of some trunks; runs that would go on from them train their trunk anew."""
    states = workspace.artifacts.states()
    for trunk in trunks:
        workspace.artifacts.drop_states(trunk, states.get(trunk, {}))

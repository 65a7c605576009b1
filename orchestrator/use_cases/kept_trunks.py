"""The states of trunks that are kept: listed with the sweeps that share them, and deleted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from orchestrator.scheduling.trunks import kept_steps
from orchestrator.use_cases.workspace import Workspace


@dataclass(frozen=True, slots=True)
class KeptTrunk:
    """A trunk of which states are kept."""

    trunk: str
    """Identity of the trunk."""
    sweeps: tuple[str, ...]
    """Names of the sweeps whose runs share it."""
    shape: str
    """Shape of its model; empty if no run of a known sweep shares it."""
    steps: tuple[int, ...]
    """Optimizer steps whose states are kept, in ascending order."""
    bytes: int
    """Space that its states take."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON; the sweeps as one text."""
        return {
            "trunk": self.trunk,
            "sweeps": ", ".join(self.sweeps),
            "shape": self.shape,
            "steps": list(self.steps),
            "bytes": self.bytes,
        }


def kept_trunks(workspace: Workspace, name: str | None = None) -> list[KeptTrunk]:
    """The trunks of which states are kept: those of one sweep's runs, or all of them. Raises NotFound."""
    states = workspace.artifacts.states()
    sweeps = workspace.store.sweeps() if name is None else workspace.store.revisions(name)
    users: dict[str, dict[str, str]] = {}
    for sweep in sweeps if states else []:
        for run in workspace.store.runs_of(sweep.id):
            if run.cell and run.cell.trunk:
                users.setdefault(run.cell.trunk, {})[sweep.name] = run.cell.shape
    return [
        KeptTrunk(
            trunk=trunk,
            sweeps=tuple(users.get(trunk, {})),
            shape=next(iter(users.get(trunk, {}).values()), ""),
            steps=tuple(sorted(kept_steps(states, trunk))),
            bytes=sum(sizes.values()),
        )
        for trunk, sizes in sorted(states.items())
        if name is None or trunk in users
    ]


def drop_trunks(workspace: Workspace, trunks: Iterable[str]) -> None:
    """Delete all states of some trunks; runs that would start from them train their trunk anew."""
    states = workspace.artifacts.states()
    for trunk in trunks:
        workspace.artifacts.drop_states(trunk, states.get(trunk, {}))

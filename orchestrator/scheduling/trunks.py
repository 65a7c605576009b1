"""What the scheduler knows about trunks: which unfinished runs share one, and which of its states are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from model.config import RunConfig
from model.trunk_states import state_step
from orchestrator.cluster.artifact_layout import KeptStates
from orchestrator.cluster.artifact_store import ArtifactStore
from orchestrator.scheduling.trunk_graph import Member, needed, ready
from orchestrator.store import RunRecord


class Trunks:
    """The unfinished runs that share trunks; it knows nothing about runs that train alone."""

    def __init__(self, artifacts: ArtifactStore) -> None:
        """Trunks whose states are kept in an artifact store; empty until runs are read."""
        self._artifacts = artifacts
        self._trunk_of: dict[str, str] = {}
        self._members: dict[str, dict[str, Member]] = {}
        self._kept: dict[str, set[int]] = {}
        self._noted: dict[str, Collection[int]] = {}
        """Steps that each run in training had kept by its last report."""

    def read(self, runs: Iterable[RunRecord]) -> None:
        """Start over with all unfinished runs that share trunks, each with its cell, and the states that are kept."""
        self._trunk_of, self._members = {}, {}
        for run in runs:
            assert run.cell is not None and run.cell.trunk is not None, "a run of Store.unfinished_on_trunks"
            trunk = run.cell.trunk
            self._trunk_of[run.id] = trunk
            self._members.setdefault(trunk, {})[run.id] = _member(run)
        states = self._artifacts.states() if self._members else {}
        self._kept = {trunk: kept_steps(states, trunk) for trunk in self._members}
        for trunk in self._members:
            self._collect(trunk, states)

    def trunk(self, run_id: str) -> str | None:
        """The trunk of a run; None if it trains alone."""
        return self._trunk_of.get(run_id)

    def points(self, run_id: str) -> tuple[int, ...]:
        """Steps at which a run keeps states: those at which an unfinished run branches off, up to its own."""
        trunk = self.trunk(run_id)
        if trunk is None:
            return ()
        own = self._members[trunk][run_id].branch_step
        return tuple(sorted({m.branch_step for m in self._members[trunk].values() if m.branch_step <= own}))

    def members(self, runs: Collection[str]) -> set[str]:
        """Those of some runs that share a trunk; goes through the runs on trunks, not all, as each step asks."""
        return {run_id for run_id in self._trunk_of if run_id in runs}

    def ready(self, waiting: Collection[str], training: Iterable[str]) -> dict[str, float]:
        """Those of the waiting runs that may start, each with the work that depends on it."""
        may_start: dict[str, float] = {}
        busy = set(training)
        for trunk, members in self._members.items():
            queued = [member for member in members.values() if member.run_id in waiting]
            at_work = [member for member in members.values() if member.run_id in busy]
            may_start |= ready(queued, at_work, self._kept[trunk])
        return may_start

    def lost(self, chosen: Iterable[str]) -> set[str]:
        """Those of some runs that may start whose state is no longer kept, by a look at the artifact store."""
        starts = [(run_id, *found) for run_id in chosen if (found := self._state_of(run_id))]
        for trunk in {trunk for _, trunk, _ in starts}:
            self._kept[trunk] = kept_steps(self._artifacts.states(trunk), trunk)
        return {run_id for run_id, trunk, step in starts if step not in self._kept[trunk]}

    def _state_of(self, run_id: str) -> tuple[str, int] | None:
        """Trunk and step of the state from which a run would start its cooldown; None if none is known."""
        trunk = self.trunk(run_id)
        step = self._members[trunk][run_id].branch_step if trunk else 0
        return (trunk, step) if trunk and step in self._kept[trunk] else None

    def note_kept(self, kept: Mapping[str, Collection[int]]) -> None:
        """Note the steps at which runs in training report that they have kept states.

        Each counts the first time that it is reported: later the state may have been deleted.
        """
        for run_id, steps in kept.items():
            trunk = self.trunk(run_id)
            if trunk is not None:
                self._kept[trunk] |= set(steps) - set(self._noted.get(run_id, ()))
                self._noted[run_id] = steps

    def ended(self, run_id: str, finished: bool) -> None:
        """Look at the states again after an attempt ended, and delete those that none needs if its run is finished."""
        trunk = self.trunk(run_id)
        if trunk is None:
            return
        states = self._artifacts.states(trunk)
        self._kept[trunk] = kept_steps(states, trunk)
        self._noted.pop(run_id, None)
        if finished:
            del self._members[trunk][run_id], self._trunk_of[run_id]
            self._collect(trunk, states)

    def _collect(self, trunk: str, states: KeptStates) -> None:
        """Delete the states from which no unfinished run would start, but for the last one."""
        stay = needed((member.branch_step for member in self._members[trunk].values()), self._kept[trunk])
        if unneeded := [name for name in states.get(trunk, {}) if state_step(name) not in stay]:
            self._artifacts.drop_states(trunk, unneeded)
        self._kept[trunk] = stay


def _member(run: RunRecord) -> Member:
    """A run as its trunk sees it; its work is in predicted seconds, else in FLOPs."""
    train, alone = RunConfig.from_dict(run.config).train, run.cell and run.cell.seconds_alone
    return Member(run.id, train.branch_step, train.steps, alone or run.flops)


def kept_steps(states: KeptStates, trunk: str) -> set[int]:
    """Steps of a trunk at which its states are kept."""
    return {step for name in states.get(trunk, {}) if (step := state_step(name)) is not None}

"""What the scheduler knows of trunks: which unfinished runs share one, and which of its states are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from model.config import RunConfig, state_step
from orchestrator.cluster.artifact_store import Places, States
from orchestrator.scheduling.trunk_graph import Member, needed, ready
from orchestrator.store import RunRecord


class Trunks:
    """The unfinished runs that share trunks. Runs without one are none of its business."""

    def __init__(self, artifacts: Places) -> None:
        self._artifacts = artifacts
        self._trunk_of: dict[str, str] = {}
        self._members: dict[str, dict[str, Member]] = {}
        self._kept: dict[str, set[int]] = {}
        self._heard: dict[str, set[int]] = {}

    def read(self, runs: Iterable[RunRecord]) -> None:
        """Begin anew with all unfinished runs that share trunks, each with its cell, and the states on the store."""
        self._trunk_of, self._members = {}, {}
        for run in runs:
            assert run.cell is not None and run.cell.trunk is not None, "read by `unfinished_with_trunk`"
            trunk = run.cell.trunk
            self._trunk_of[run.id] = trunk
            self._members.setdefault(trunk, {})[run.id] = _member(run)
        states = self._artifacts.states() if self._members else {}
        self._kept = {trunk: kept_steps(states, trunk) for trunk in self._members}
        for trunk in self._members:
            self._collect(trunk, states)

    def trunk(self, run_id: str) -> str | None:
        """The trunk of a run; None where it trains alone."""
        return self._trunk_of.get(run_id)

    def points(self, run_id: str) -> tuple[int, ...]:
        """Steps at which a run keeps states: where an unfinished run branches off, and where it does itself."""
        trunk = self.trunk(run_id)
        if trunk is None:
            return ()
        own = self._members[trunk][run_id].branch_step
        return tuple(sorted({m.branch_step for m in self._members[trunk].values() if m.branch_step <= own}))

    def members(self, runs: Collection[str]) -> set[str]:
        """Those of some runs that share a trunk; asked at every step, so it counts those on trunks and not all runs."""
        return {run_id for run_id in self._trunk_of if run_id in runs}

    def ready(self, waiting: Collection[str], training: Iterable[str]) -> dict[str, float]:
        """Those of the waiting runs that may start, each with the cost of what waits for it."""
        may_start: dict[str, float] = {}
        busy = set(training)
        for trunk, members in self._members.items():
            there = [member for member in members.values() if member.run_id in waiting]
            at_work = [member for member in members.values() if member.run_id in busy]
            may_start |= ready(there, at_work, self._kept[trunk])
        return may_start

    def lost(self, chosen: Iterable[str]) -> set[str]:
        """Those of some runs that may start whose state is no longer there, by a look at the store."""
        going_on = [(run_id, *found) for run_id in chosen if (found := self._state_of(run_id))]
        for trunk in {trunk for _, trunk, _ in going_on}:
            self._kept[trunk] = kept_steps(self._artifacts.states(trunk), trunk)
        return {run_id for run_id, trunk, step in going_on if step not in self._kept[trunk]}

    def _state_of(self, run_id: str) -> tuple[str, int] | None:
        """Trunk and step of the state that a run would go on from into its cooldown, as far as known."""
        trunk = self.trunk(run_id)
        step = self._members[trunk][run_id].branch_step if trunk else 0
        return (trunk, step) if trunk and step in self._kept[trunk] else None

    def hear(self, live: Mapping[str, Mapping[str, Any]]) -> None:
        """Take note of the states that runs in training say they have kept; said again, a state may be gone by then."""
        for run_id, event in live.items():
            trunk = self.trunk(run_id)
            if trunk is not None:
                said = set(event.get("kept", ()))
                self._kept[trunk] |= said - self._heard.get(run_id, set())
                self._heard[run_id] = said

    def ended(self, run_id: str, finished: bool) -> None:
        """An attempt ended: look at the states anew and, where its run is finished, delete those that none needs."""
        trunk = self.trunk(run_id)
        if trunk is None:
            return
        states = self._artifacts.states(trunk)
        self._kept[trunk] = kept_steps(states, trunk)
        self._heard.pop(run_id, None)
        if finished:
            del self._members[trunk][run_id], self._trunk_of[run_id]
            self._collect(trunk, states)

    def _collect(self, trunk: str, states: States) -> None:
        """Delete the states that no unfinished run goes on from, but for the last one."""
        stay = needed((member.branch_step for member in self._members[trunk].values()), self._kept[trunk])
        if gone := [name for name in states.get(trunk, {}) if state_step(name) not in stay]:
            self._artifacts.drop_states(trunk, gone)
        self._kept[trunk] = stay


def _member(run: RunRecord) -> Member:
    train, alone = RunConfig.from_dict(run.config).train, run.cell and run.cell.seconds_alone
    return Member(run.id, train.branch_step, train.steps, alone or run.flops)


def kept_steps(states: States, trunk: str) -> set[int]:
    """Steps of a trunk at which its states are kept."""
    return {step for name in states.get(trunk, {}) if (step := state_step(name)) is not None}

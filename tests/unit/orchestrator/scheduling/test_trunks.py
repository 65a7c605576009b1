"""The scheduler over a real store with runs that share trunks: who waits, who leads, what is kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from model.config import RunConfig, TrainConfig
from model.trunk_states import state_name
from orchestrator.attempts import Assignment, Outcome, RunProgress, Tracking
from orchestrator.cluster.artifact_store import open_artifacts
from orchestrator.scheduling.scheduler import Scheduler
from orchestrator.states import Cause, Hold, RunState
from orchestrator.store import NewRun, Store
from tests.unit.orchestrator.scheduling.hands import Hands
from tests.unit.orchestrator.store_fixtures import SHAPE, made_cell, open_store, sweep_record

OFF = Tracking("disabled", "", "p", "test")
LENGTHS = (100, 200, 400)


class Trainer(Hands):
    """Keeps the states of an attempt's points when the test says so, as a worker does on its way."""

    def __init__(self, workers: int, folder: Path) -> None:
        super().__init__(workers)
        self.silent = True
        self.folder_of_states = folder / "trunks"
        self.live: dict[str, RunProgress] = {}

    def keep(self, run_id: str, *steps: int) -> None:
        """The run in training keeps states and says so."""
        assignment = next(a for _, a in self.pending if a.run_id == run_id)
        assert set(steps) <= set(assignment.points)
        for step in steps:
            path = self.folder_of_states / str(assignment.trunk) / state_name(step, {})
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"state")
        known = self.live.get(run_id, RunProgress())
        self.live[run_id] = RunProgress(kept=known.kept | set(steps))

    def progress(self) -> dict[str, RunProgress]:
        return self.live

    def end(self, run_id: str, cause: Cause = Cause.DONE) -> None:
        """The attempt ends with the next look."""
        index = next(i for i, (_, a) in enumerate(self.pending) if a.run_id == run_id)
        self.pending.insert(0, self.pending.pop(index))
        if cause is not Cause.DONE:
            self.outcomes[run_id] = [Outcome(cause)]
        self.live.pop(run_id, None)
        self.silent = False

    def states(self) -> list[int]:
        return sorted(int(path.name.split("-")[1]) for path in self.folder_of_states.glob("*/*"))

    @property
    def training(self) -> list[str]:
        return [a.run_id for _, a in self.pending]


def sharing_run(sequences: int) -> NewRun:
    train = TrainConfig(sequences=sequences, batch=1, lr=0.005, warmup=0.0, warmup_steps=2)
    run = RunConfig(SHAPE, train, "data")
    cell = made_cell(tokens=run.tokens, trunk=run.trunk_id)
    return NewRun(f"n{sequences}", run.to_dict(), 1e6 * sequences, None, cell)


def step(scheduler: Scheduler, hands: Trainer) -> list[str]:
    """Take reports in, then hand out; who is in training afterwards."""
    scheduler.step()
    hands.silent = True
    scheduler.live()
    scheduler.step()
    return hands.training


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


@pytest.fixture
def hands(tmp_path: Path) -> Trainer:
    return Trainer(4, tmp_path)


def begin(store: Store, hands: Trainer, folder: Path, lengths: tuple[int, ...] = LENGTHS) -> Scheduler:
    store.submit(sweep_record(), [sharing_run(n) for n in lengths])
    scheduler = Scheduler(store, hands, open_artifacts(str(folder)), OFF)
    scheduler.take_over()
    scheduler.follow()
    return scheduler


def last(hands: Trainer) -> Assignment:
    return hands.assigned[-1]


def test_one_run_leads_and_the_others_follow_as_it_passes(store: Store, hands: Trainer, tmp_path: Path) -> None:
    scheduler = begin(store, hands, tmp_path)
    assert step(scheduler, hands) == ["n400"]
    assert last(hands).points == (80, 160, 320) and last(hands).trunk == sharing_run(100).cell.trunk
    hands.keep("n400", 80)
    assert step(scheduler, hands) == ["n400", "n100"]
    assert last(hands).points == (80,)
    hands.keep("n400", 160, 320)
    assert step(scheduler, hands) == ["n400", "n100", "n200"]


def test_states_go_when_no_unfinished_run_needs_them_but_for_the_last(
    store: Store, hands: Trainer, tmp_path: Path
) -> None:
    scheduler = begin(store, hands, tmp_path)
    step(scheduler, hands)
    hands.keep("n400", 80, 160, 320)
    step(scheduler, hands)
    for run_id, left in (("n400", [80, 160, 320]), ("n100", [160, 320]), ("n200", [320])):
        hands.end(run_id)
        step(scheduler, hands)
        assert hands.states() == left
    assert not scheduler.busy


def test_a_leader_that_dies_leads_again_and_one_that_fails_is_followed_by_the_next(
    store: Store, hands: Trainer, tmp_path: Path
) -> None:
    scheduler = begin(store, hands, tmp_path)
    step(scheduler, hands)
    hands.end("n400", Cause.LOST)
    assert step(scheduler, hands) == ["n400"]
    hands.keep("n400", 80)
    hands.end("n400", Cause.DIVERGED)
    assert step(scheduler, hands) == ["n200", "n100"]
    assert store.run("n400").state is RunState.DIVERGED


def test_a_leader_whose_sweep_is_paused_keeps_nobody_waiting(store: Store, hands: Trainer, tmp_path: Path) -> None:
    scheduler = begin(store, hands, tmp_path, (100,))
    other = store.submit(sweep_record("other", "bbbb0000"), [sharing_run(400)])
    assert step(scheduler, hands) == ["n400"]
    store.hold(other.id, Hold.PAUSED)
    step(scheduler, hands)
    hands.end("n400", Cause.PREEMPTED)
    assert step(scheduler, hands) == ["n100"]
    assert last(hands).points == (80,)


def test_states_that_vanish_are_made_anew_by_one_run(store: Store, hands: Trainer, tmp_path: Path) -> None:
    hands.free = ["w0"]
    scheduler = begin(store, hands, tmp_path)
    step(scheduler, hands)
    hands.keep("n400", 80, 160, 320)
    step(scheduler, hands)
    for path in hands.folder_of_states.glob("*/*"):
        path.unlink()
    hands.end("n400")
    hands.free = ["w1", "w2"]
    assert step(scheduler, hands) == ["n200"]
    assert last(hands).points == (80, 160)


def test_a_state_that_is_gone_though_its_keeper_trains_on_blocks_no_worker(
    store: Store, hands: Trainer, tmp_path: Path
) -> None:
    """What is believed kept is looked for once more before a run is handed out."""
    hands.free = ["w0"]
    alone = sharing_run(10)
    store.submit(
        sweep_record("other", "bbbb0000"),
        [dataclasses.replace(alone, cell=dataclasses.replace(alone.cell, trunk=None))],
    )
    scheduler = begin(store, hands, tmp_path)
    assert step(scheduler, hands) == ["n400"]
    hands.keep("n400", 80)
    scheduler.live()
    for path in hands.folder_of_states.glob("*/*"):
        path.unlink()
    hands.free = ["w1"]
    assert step(scheduler, hands) == ["n400", "n10"]


def test_a_larger_sweep_goes_on_from_the_last_state(store: Store, hands: Trainer, tmp_path: Path) -> None:
    scheduler = begin(store, hands, tmp_path, (100, 200))
    step(scheduler, hands)
    hands.keep("n200", 80, 160)
    hands.end("n200")
    step(scheduler, hands)
    hands.end("n100")
    step(scheduler, hands)
    assert hands.states() == [160]
    store.submit(sweep_record(revision="cccc0000"), [sharing_run(n) for n in (200, 300, 400)])
    assert step(scheduler, hands) == ["n400"]
    assert last(hands).points == (240, 320)
    assert hands.states() == [160]


def test_a_larger_run_that_comes_later_waits_until_the_trunk_is_free(
    store: Store, hands: Trainer, tmp_path: Path
) -> None:
    scheduler = begin(store, hands, tmp_path, (200,))
    step(scheduler, hands)
    store.submit(sweep_record(revision="cccc0000"), [sharing_run(400)])
    assert step(scheduler, hands) == ["n200"]
    hands.keep("n200", 160)
    assert step(scheduler, hands) == ["n200", "n400"]


def test_a_rerun_trains_every_run_alone(store: Store, hands: Trainer, tmp_path: Path) -> None:
    scheduler = begin(store, hands, tmp_path, (100, 200))
    step(scheduler, hands)
    hands.keep("n200", 80, 160)
    step(scheduler, hands)
    for run_id in ("n200", "n100"):
        hands.end(run_id)
        step(scheduler, hands)
    store.rerun(store.sweep("demo").id)
    assert sorted(step(scheduler, hands)) == ["n100", "n200"]
    assert {(a.trunk, a.points) for a in hands.assigned[-2:]} == {(None, ())}


def test_runs_without_a_trunk_are_none_of_its_business(store: Store, hands: Trainer, tmp_path: Path) -> None:
    alone = [
        dataclasses.replace(run, cell=dataclasses.replace(run.cell, trunk=None)) for run in map(sharing_run, LENGTHS)
    ]
    store.submit(sweep_record(), alone)
    assert store.unfinished_on_trunks() == []
    scheduler = Scheduler(store, hands, open_artifacts(str(tmp_path)), OFF)
    scheduler.take_over()
    scheduler.follow()
    assert len(step(scheduler, hands)) == 3
    assert {(a.trunk, a.points) for a in hands.assigned} == {(None, ())}

"""Trunks: a run that branches off equals the same run trained alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.checkpoint import CheckpointError, Checkpoints
from model.config import RunConfig, TrainConfig
from model.implementation import Implementation
from model.optim import lr_factor
from model.train import Interrupted, train
from model.trunk import Trunk
from model.trunk_states import branch_points
from tests.unit.model.model_data import CHOSEN, SHAPE, ignore, interrupt_at, same_state, scores, small_run
from tokenizer.shards import Shards

LENGTHS = (47, 81, 160)
KINDS = [Implementation(), Implementation(branches=CHOSEN, micro_batch=3)]
TRAINS = st.builds(
    TrainConfig,
    sequences=st.integers(1, 200),
    batch=st.integers(1, 9),
    lr=st.just(0.01),
    warmup_steps=st.integers(0, 20),
    warmup=st.just(0.0),
    cooldown=st.floats(0, 1),
    final_lr=st.floats(0, 1),
)


def runs_of(data: Shards) -> list[RunConfig]:
    return [small_run(data, sequences=n, warmup_steps=3) for n in LENGTHS]


@pytest.mark.usefixtures("quick_disk")
@pytest.mark.parametrize("order", [LENGTHS, LENGTHS[::-1]])
@pytest.mark.parametrize("implementation", KINDS)
def test_branched_run_equals_the_run_alone(
    data: Shards, tmp_path: Path, order: tuple[int, ...], implementation: Implementation
) -> None:
    """Result and last state to the last bit, whichever run trains the trunk; a branch is torn on the way."""
    runs = runs_of(data)
    points = branch_points(runs)[runs[0].trunk_id]
    assert points == (10, 17, 32)
    trunk, starts = Trunk(tmp_path / "trunk", points), []
    for run in sorted(runs, key=lambda r: order.index(r.train.sequences)):
        folders = [Checkpoints(tmp_path / f"{kind}-{run.run_id}") for kind in ("alone", "branched")]
        options: dict[str, Any] = {"checkpoint_seconds": 0, "implementation": implementation}
        alone = train(run, data, ignore, folders[0], **options)
        branched = train(run, data, ignore, folders[1], trunk=trunk, **options)
        assert scores(branched) == scores(alone)
        states = [{k: v for k, v in f.load_newest().items() if k != "branched_from"} for f in folders]
        assert same_state(*states)
        assert branched.flops == alone.flops == alone.flops_spent
        rest = 1 - branched.branched_from_step * run.train.batch / run.train.sequences
        assert branched.flops_spent == pytest.approx(rest * alone.flops)
        starts.append(branched.branched_from_step)
    assert starts == ([0, 10, 17] if order == LENGTHS else [0, 17, 10])


def test_damaged_branch_is_skipped_for_the_one_before(data: Shards, tmp_path: Path) -> None:
    runs = runs_of(data)
    trunk = Trunk(tmp_path, branch_points(runs)[runs[0].trunk_id])
    train(runs[2], data, ignore, trunk=trunk)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    files[1].write_bytes(files[1].read_bytes()[:-40])
    result = train(runs[1], data, ignore, trunk=trunk)
    assert result.branched_from_step == 10
    assert scores(result) == scores(train(runs[1], data, ignore))
    assert sorted(tmp_path.iterdir()) == files, "it was to be kept anew on the way"
    assert train(runs[1], data, ignore, trunk=trunk).resumed_from_step == 17


def test_branch_of_another_implementation_or_trunk_is_not_used(data: Shards, tmp_path: Path) -> None:
    runs = runs_of(data)
    trunk = Trunk(tmp_path, branch_points(runs)[runs[0].trunk_id])
    train(runs[0], data, ignore, trunk=trunk, implementation=Implementation())
    assert train(runs[1], data, ignore, trunk=trunk, implementation=KINDS[1]).branched_from_step == 0
    stranger = dataclasses.replace(runs[1], train=dataclasses.replace(runs[1].train, seed=5))
    with pytest.raises(CheckpointError, match=stranger.trunk_id):
        train(stranger, data, ignore, trunk=trunk, implementation=Implementation())


def test_interrupted_branch_goes_on(data: Shards, tmp_path: Path) -> None:
    runs = runs_of(data)
    trunk = Trunk(tmp_path / "trunk", branch_points(runs)[runs[0].trunk_id])
    train(runs[0], data, ignore, trunk=trunk)
    checkpoints = Checkpoints(tmp_path / "c")
    with pytest.raises(Interrupted):
        train(runs[2], data, ignore, checkpoints, trunk=trunk, stop=interrupt_at(5))
    result = train(runs[2], data, ignore, checkpoints, trunk=trunk)
    assert (result.resumed_from_step, result.branched_from_step) == (15, 10)
    assert scores(result) == scores(train(runs[2], data, ignore))


def test_a_longer_run_goes_on_from_a_state_that_its_own_plan_does_not_know(data: Shards, tmp_path: Path) -> None:
    short, _, long = runs_of(data)
    train(short, data, ignore, trunk=Trunk(tmp_path, (10,)))
    (tmp_path / "branch-note.txt").write_text("no state")
    events: list[dict[str, Any]] = []
    result = train(long, data, events.append, trunk=Trunk(tmp_path, (32,)))
    assert result.branched_from_step == 10
    assert [e["step"] for e in events if e["kind"] == "branch"] == [32]
    assert scores(result) == scores(train(long, data, ignore))


def test_own_state_of_an_earlier_attempt_is_own_work(data: Shards, tmp_path: Path) -> None:
    """Killed between a state of the trunk and its next checkpoint, a run goes on from the state and has saved nothing."""
    runs = runs_of(data)
    trunk = Trunk(tmp_path, (10, 17))
    with pytest.raises(Interrupted):
        train(runs[2], data, ignore, trunk=trunk, stop=interrupt_at(20))
    result = train(runs[2], data, ignore, trunk=trunk)
    assert (result.resumed_from_step, result.branched_from_step) == (17, 0)
    assert result.flops_spent == result.flops


@given(TRAINS, TRAINS)
def test_runs_of_one_trunk_take_the_same_steps(one: TrainConfig, other: TrainConfig) -> None:
    """Up to the earlier branch: full batches at equal learning rates."""
    runs = [RunConfig(SHAPE, part, "d") for part in (one, other)]
    shared = min(part.branch_step for part in (one, other))
    assert shared >= 0 and shared * one.batch <= one.sequences
    if runs[0].trunk_id == runs[1].trunk_id:
        assert one.batch == other.batch
        assert [lr_factor(one, s) for s in range(shared)] == [lr_factor(other, s) for s in range(shared)]


def test_a_state_that_cannot_be_read_is_left_for_the_one_before(data: Shards, tmp_path: Path) -> None:
    """A folder by its name stands for a disk that fails: unlike a damaged file it is not deleted."""
    runs = runs_of(data)
    trunk = Trunk(tmp_path, branch_points(runs)[runs[0].trunk_id])
    train(runs[2], data, ignore, trunk=trunk)
    files = sorted(tmp_path.iterdir())
    files[1].unlink()
    files[1].mkdir()
    assert train(runs[1], data, ignore, trunk=trunk).branched_from_step == 10
    assert files[1].is_dir()

"""Runs trained together: their results, events, ends of every kind, checkpoints, and seconds."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from model.batches import DataError
from model.checkpoint import Checkpoints
from model.config import ConfigError, RunConfig
from model.implementation import Implementation
from model.memory import HEADROOM, step_bytes
from model.scoring import RunResult
from model.stacked import train as stacked
from model.stacked import turns
from model.stacked.train import Member, train_stacked
from model.train import Diverged, Interrupted, train
from model.training import Training
from model.trunk import Trunk
from tests.unit.model.model_data import CPU, SHAPE, ignore, interrupt_at, scores, small_run
from tokenizer.shards import Shards

STACKED = Implementation(stacked=8)


class Ends(dict[int, Any]):
    """How each member ended, in the order of the ends."""

    def of(self, index: int) -> Any:
        """What takes the end of a member."""

        def take(how: RunResult | Exception, seconds: float) -> None:
            assert index not in self and seconds >= 0
            self[index] = how

        return take


def members(runs: list[RunConfig], data: Shards, ends: Ends, **more: Any) -> list[Member]:
    return [Member(run, data, ignore, ends.of(i), **more) for i, run in enumerate(runs)]


def test_each_run_gets_its_own_result_when_it_ends(data: Shards) -> None:
    runs = [small_run(data, seed=seed, sequences=length) for seed, length in enumerate((47, 20, 33))]
    ends = Ends()
    train_stacked(members(runs, data, ends), "cpu", STACKED)
    assert list(ends) == [1, 2, 0]
    for index, run in enumerate(runs):
        alone = train(run, data, ignore, implementation=Implementation())
        assert scores(ends[index]) == pytest.approx(scores(alone), abs=1e-5)
        assert (ends[index].steps, ends[index].flops) == (alone.steps, alone.flops)
        assert ends[index].implementation.stacked == 8


def test_more_runs_than_fit_wait_for_a_place(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = turns.Stack
    monkeypatch.setattr(turns, "Stack", lambda given: sizes.append(len(given)) or real(given))
    ends = Ends()
    runs = [small_run(data, seed=seed, sequences=12 + 8 * (seed == 0)) for seed in range(3)]
    train_stacked(members(runs, data, ends), "cpu", Implementation(stacked=2))
    assert sorted(ends) == [0, 1, 2]
    assert sizes == [2, 2, 1]


def test_a_single_run_may_be_a_stack_of_one(data: Shards) -> None:
    run = small_run(data)
    result = train(run, data, ignore, implementation=STACKED)
    assert result.loss == pytest.approx(train(run, data, ignore, implementation=Implementation()).loss, abs=1e-5)
    assert result.implementation.stacked == 8
    with pytest.raises(Interrupted):
        train(run, data, ignore, implementation=STACKED, stop=lambda: True)


def test_one_that_fails_leaves_the_others_alone(data: Shards) -> None:
    good = small_run(data)
    wild = small_run(data, seed=1, lr=1e30, sequences=400)
    foreign = dataclasses.replace(good, dataset="other")
    old = dataclasses.replace(good, math_version=good.math_version + 1)
    ends = Ends()
    train_stacked(members([wild, foreign, good, old], data, ends), "cpu", STACKED)
    assert [type(ends[i]) for i in range(4)] == [Diverged, DataError, RunResult, ConfigError]


def test_a_sink_that_fails_ends_its_own_run(data: Shards) -> None:
    def fails(event: dict[str, Any]) -> None:
        if event["kind"] == "progress":
            raise OSError(28, "no space left")

    ends = Ends()
    runs = [small_run(data, seed=seed) for seed in range(2)]
    both = members(runs, data, ends, progress_seconds=0.0)
    train_stacked([dataclasses.replace(both[0], sink=fails), both[1]], "cpu", STACKED)
    assert isinstance(ends[0], OSError) and isinstance(ends[1], RunResult)


@pytest.mark.usefixtures("quick_disk")
@pytest.mark.parametrize(
    ("first", "second"), [(STACKED, STACKED), (STACKED, Implementation()), (Implementation(), STACKED)]
)
def test_a_run_moves_between_stacked_and_single(
    data: Shards, tmp_path: Path, first: Implementation, second: Implementation
) -> None:
    run, other = small_run(data), small_run(data, seed=1)
    folder = Checkpoints(tmp_path / "run")
    ends = Ends()
    if first.stacked:
        leaving = Member(run, data, ignore, ends.of(0), folder, stop=interrupt_at(5))
        train_stacked([leaving, Member(other, data, ignore, ends.of(1))], "cpu", first)
        assert isinstance(ends[0], Interrupted) and isinstance(ends[1], RunResult)
    else:
        with pytest.raises(Interrupted):
            train(run, data, ignore, folder, implementation=first, stop=interrupt_at(5))
    result = train(run, data, ignore, folder, implementation=second)
    assert result.resumed_from_step == 5
    whole = train(run, data, ignore, implementation=Implementation())
    assert result.loss == pytest.approx(whole.loss, abs=1e-5)
    assert (folder.folder / "final.ckpt").exists()


def test_the_memory_is_reckoned_by_the_largest_batch(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = SimpleNamespace(type="cuda")
    runs = [small_run(data, batch=batch) for batch in (2, 16, 4)]
    given: list[Any] = [SimpleNamespace(run=run, implementation=STACKED, device=gpu) for run in runs]
    each = step_bytes(SHAPE, 16, "fp32", explicit_attention=True, whole_head=True)
    assert STACKED.head == "whole" and STACKED.attention == "explicit"
    for free, fitting in ((3.1, 3), (0.5, 1)):
        monkeypatch.setattr(stacked, "free_memory", lambda _, free=free: free * each / HEADROOM)
        assert stacked._fitting(given) == fitting


def test_those_that_came_while_all_places_were_taken_enter_when_one_is_free(
    data: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU, where a stack goes on without those that ended."""
    sizes: list[int] = []
    real = turns.Stack
    monkeypatch.setattr(real, "captured", property(lambda _: True))
    monkeypatch.setattr(turns, "Stack", lambda given: sizes.append(len(given)) or real(given))
    ends = Ends()
    *first, later = members(
        [small_run(data, seed=s, sequences=n) for s, n in enumerate((12, 40, 40, 40, 8))], data, ends
    )
    asked = iter(range(10**6))
    train_stacked(first, "cpu", Implementation(stacked=4), entering=lambda: [later] if next(asked) == 0 else ())
    assert sizes == [4, 4] and list(ends) == [0, 4, 1, 2, 3]


@pytest.mark.usefixtures("quick_disk")
def test_a_checkpoint_ahead_of_the_trunk_is_what_a_run_continues_from(data: Shards, tmp_path: Path) -> None:
    run, ends, events = small_run(data), Ends(), list[dict[str, Any]]()
    folder, trunk = Checkpoints(tmp_path / "run"), Trunk(tmp_path / "trunk", ())
    train_stacked([Member(run, data, ignore, ends.of(0), folder, trunk, interrupt_at(5))], "cpu", STACKED)
    train_stacked([Member(run, data, events.append, ends.of(1), folder, trunk)], "cpu", STACKED, "no compiler here")
    assert isinstance(ends[0], Interrupted) and ends[1].resumed_from_step == 5
    assert events[0]["replaced_implementation"] == "no compiler here"


def test_a_run_that_diverges_ends_long_before_its_last_step(data: Shards) -> None:
    ends, events = Ends(), list[dict[str, Any]]()
    wild = small_run(data, lr=1e30, sequences=4 * 300)
    train_stacked([Member(wild, data, events.append, ends.of(0), progress_seconds=0.0)], "cpu", STACKED)
    assert isinstance(ends[0], Diverged) and max(event["step"] for event in events) < 200


def test_memory_that_runs_out_makes_stacks_smaller(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = turns.Stack

    def small(given: list[Any]) -> Any:
        sizes.append(len(given))
        if len(given) > 1:
            raise stacked.torch.cuda.OutOfMemoryError("no room")
        return real(given)

    monkeypatch.setattr(turns, "Stack", small)
    monkeypatch.setattr(stacked.torch.cuda, "empty_cache", lambda: None)
    ends = Ends()
    train_stacked(members([small_run(data, seed=s, sequences=8) for s in range(4)], data, ends), "cpu", STACKED)
    assert sizes == [4, 2, 1, 1, 1, 1]
    assert all(isinstance(end, RunResult) for end in ends.values()) and list(ends) == [0, 1, 2, 3]


def no_room(*_: Any) -> Any:
    raise stacked.torch.cuda.OutOfMemoryError("no room")


def test_a_run_that_does_not_fit_as_a_stack_trains_in_parts_of_its_batch(
    data: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "Stack", no_room)
    monkeypatch.setattr(stacked.torch.cuda, "empty_cache", lambda: None)
    real = Training._accumulate

    def half(training: Training, sequences: Any, world: Any) -> Any:
        return real(training, sequences, world) if training.micro_batch < 3 else no_room()

    monkeypatch.setattr(Training, "_accumulate", half)
    ends = Ends()
    runs = [small_run(data, seed=s, sequences=20) for s in range(2)]
    train_stacked(members(runs, data, ends), "cpu", STACKED)
    monkeypatch.undo()
    for index, run in enumerate(runs):
        assert ends[index].implementation.micro_batch == 2
        alone = train(run, data, ignore, implementation=Implementation())
        assert scores(ends[index]) == pytest.approx(scores(alone), abs=1e-5)


def test_a_run_that_fits_nowhere_ends(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "Stack", no_room)
    monkeypatch.setattr(Training, "_accumulate", no_room)
    monkeypatch.setattr(stacked.torch.cuda, "empty_cache", lambda: None)
    ends = Ends()
    train_stacked(members([small_run(data, seed=s) for s in range(2)], data, ends), "cpu", STACKED)
    assert [type(end) for end in ends.values()] == [MemoryError, MemoryError]
    assert "one sequence does not fit" in str(ends[0])


def test_a_run_that_waits_for_a_place_ends_when_it_is_asked_to(data: Shards) -> None:
    ends = Ends()
    first, second, third = members([small_run(data, seed=seed, sequences=40) for seed in range(3)], data, ends)
    waiting = dataclasses.replace(second, stop=interrupt_at(4))
    train_stacked([first, waiting, third], "cpu", Implementation(stacked=1))
    assert list(ends) == [1, 0, 2], "it does not wait for the end of the first"
    assert isinstance(ends[1], Interrupted) and isinstance(ends[2], RunResult)


def test_runs_that_come_later_enter_at_the_next_step(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = turns.Stack
    monkeypatch.setattr(turns, "Stack", lambda given: sizes.append(len(given)) or real(given))
    ends = Ends()
    runs = [small_run(data, seed=seed, sequences=n) for seed, n in enumerate((40, 40, 12, 60))]
    first, second, *later = members(runs, data, ends)
    asked = iter(range(10**6))
    train_stacked([first, second], "cpu", STACKED, entering=lambda: later if next(asked) == 3 else ())
    assert sizes == [2, 4, 3, 1]
    for index, run in enumerate(runs):
        alone = train(run, data, ignore, implementation=Implementation())
        assert scores(ends[index]) == pytest.approx(scores(alone), abs=1e-5)


@pytest.mark.usefixtures("quick_disk")
def test_stacked_runs_keep_a_trunk_s_states_and_start_from_them(data: Shards, tmp_path: Path) -> None:
    long, short = (small_run(data, sequences=n, warmup=0.0, warmup_steps=2) for n in (80, 40))
    other = small_run(data, seed=3)
    trunk = Trunk(tmp_path / "trunk", (short.train.branch_step, long.train.branch_step))
    ends = Ends()
    train_stacked(
        [Member(long, data, ignore, ends.of(0), trunk=trunk), Member(other, data, ignore, ends.of(1))], "cpu", STACKED
    )
    train_stacked([Member(short, data, ignore, ends.of(2), trunk=trunk)], "cpu", STACKED)
    assert ends[2].branched_from_step == short.train.branch_step > 0
    assert ends[2].loss == pytest.approx(train(short, data, ignore, implementation=Implementation()).loss, abs=1e-5)


def test_a_tied_matrix_is_saved_once(data: Shards) -> None:
    run = small_run(data, dataclasses.replace(SHAPE, tied_head=True))
    pair = [
        Training(dataclasses.replace(run, train=dataclasses.replace(run.train, seed=s)), STACKED, CPU) for s in (0, 1)
    ]
    stack = turns.Stack(pair)
    model = pair[0].state()["model"]
    assert model["head.weight"].data_ptr() == model["embedding.weight"].data_ptr()
    stack.release()

"""Seconds of the device: shared by the runs at work, each paid for once, and by nobody who waits."""

from __future__ import annotations

import dataclasses

import pytest

from model.config import RunConfig
from model.implementation import Implementation
from model.stacked import train as stacked
from model.stacked import turns
from model.stacked.stack import Stack
from model.stacked.train import Member, OwnClock, ShareClock, train_stacked
from model.training import Training
from tests.unit.model.model_data import ignore, small_run
from tokenizer.shards import Shards


def test_seconds_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(stacked.time, "perf_counter", lambda: now[0])
    clock = ShareClock()
    now[0] += 3
    assert clock() == 3
    clock.share(4)
    now[0] += 8
    assert clock() == 5
    clock.share(0)
    now[0] += 1
    assert clock() == 6


def test_a_run_has_the_seconds_in_which_it_was_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(stacked.time, "perf_counter", lambda: now[0])
    clock = OwnClock(ShareClock())
    for move, seconds in ((clock.work, 2), (clock.work, 4), (clock.rest, 4), (clock.work, 6)):
        move()
        now[0] += 2
        assert clock() == seconds


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that ticks at each look."""
    now = [0.0]

    def tick() -> float:
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr(stacked.time, "perf_counter", tick)
    return now


def charged(data: Shards, runs: list[RunConfig], stack: int) -> list[float]:
    """Seconds of each run, in the order of the ends."""
    seconds: list[float] = []
    each = [Member(run, data, ignore, lambda _, taken: seconds.append(taken)) for run in runs]
    train_stacked(each, "cpu", Implementation(stacked=stack))
    return seconds


@pytest.mark.parametrize("captured", [False, True])
def test_runs_of_a_stack_pay_for_all_of_it_between_them(
    data: Shards, ticking: list[float], monkeypatch: pytest.MonkeyPatch, captured: bool
) -> None:
    """Also when one has ended and the others go on: as a stack that is formed anew, or as on a GPU without it."""
    monkeypatch.setattr(turns.Stack, "captured", property(lambda _: captured))
    seconds = charged(data, [small_run(data, seed=seed, sequences=n) for seed, n in enumerate((12, 120, 120))], 3)
    assert 0.8 * ticking[0] < sum(seconds) <= ticking[0]


@pytest.mark.usefixtures("ticking")
def test_a_run_that_cannot_begin_pays_for_its_own_try_alone(data: Shards) -> None:
    good = small_run(data)
    trained, failed = charged(data, [good, dataclasses.replace(good, dataset="other")], 1)
    assert failed < trained / 5


def test_runs_that_wait_for_a_place_are_not_charged(data: Shards, ticking: list[float]) -> None:
    """One at a time: the seconds of all add up to those on the wall."""
    seconds = charged(data, [small_run(data, seed=seed, sequences=8) for seed in range(4)], 1)
    assert len(seconds) == 4 and 0 < sum(seconds) <= ticking[0]
    assert max(seconds) < 0.5 * ticking[0], "nobody pays for the others"


def test_runs_that_wait_for_memory_are_not_charged(
    data: Shards, ticking: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_fits(given: list[Training]) -> Stack:
        if len(given) > 1:
            raise stacked.torch.cuda.OutOfMemoryError("no room")
        return Stack(given)

    monkeypatch.setattr(turns, "Stack", one_fits)
    monkeypatch.setattr(stacked.torch.cuda, "empty_cache", lambda: None)
    seconds = charged(data, [small_run(data, seed=seed, sequences=40) for seed in range(3)], 3)
    assert len(seconds) == 3 and 0 < sum(seconds) <= ticking[0]

"""Trunks as a graph: every small case, and long histories in which runs end, die and lose states."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.scheduling.trunk_graph import Member, latest, needed, ready

POINTS = (10, 20, 30, 40)


def member(step: int, name: str = "") -> Member:
    """A run that branches off after four fifths of its steps, or nearly, at one unit of cost a step."""
    steps = -(-step * 5 // 4)
    return Member(name or f"r{step}", step, steps, float(steps))


def subsets(items: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    return itertools.chain.from_iterable(itertools.combinations(items, n) for n in range(len(items) + 1))


@pytest.mark.parametrize("kept", list(subsets(POINTS)))
def test_every_small_case(kept: tuple[int, ...]) -> None:
    for waiting in subsets(POINTS):
        for training in subsets(tuple(p for p in POINTS if p not in waiting)):
            found = ready([member(p) for p in waiting], [member(p) for p in training], kept)
            going_on = {p for p in waiting if p in kept}
            behind = set(waiting) - going_on
            on_trunk = set(training) - set(kept)
            leaders = {max(behind)} if behind and not on_trunk else set()
            assert found.keys() == {f"r{p}" for p in going_on | leaders}


def test_costs_count_what_is_left_and_a_leader_the_longest_path_behind_it() -> None:
    assert ready([member(8), member(40)], [], {20}) == {"r40": pytest.approx(50 - 20)}
    assert ready([member(8), member(40)], [], {8}) == {"r8": pytest.approx(2), "r40": pytest.approx(50 - 8)}
    long_cooldown = Member("late", 25, 100, 100.0)
    assert ready([member(40), long_cooldown], [], {})["r40"] == pytest.approx(100.0)


def test_equal_runs_do_not_both_lead() -> None:
    twins = [member(20, "a"), member(20, "b")]
    assert ready(twins, [], {}).keys() == {"b"}
    assert ready(twins, [], {20}).keys() == {"a", "b"}


def test_states_that_unfinished_runs_go_on_from_stay_and_the_last_one() -> None:
    assert needed([], [10, 20]) == {20}
    assert needed([15, 20], [5, 10, 20, 30]) == {10, 20, 30}
    assert needed([5], [10]) == {10}
    assert needed([5, 6], []) == set()
    assert latest([10, 20], 19) == 10 and latest([10], 9) == 0


@given(
    steps=st.lists(st.integers(1, 12), min_size=1, max_size=7),
    workers=st.integers(1, 4),
    losses=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_every_run_gets_its_turn_and_none_trains_what_another_does(
    steps: list[int], workers: int, losses: bool, seed: int
) -> None:
    """A history: runs take steps of the trunk and keep states, end, and die with or without their states."""
    chance = random.Random(seed)
    waiting = {f"r{i}": member(step, f"r{i}") for i, step in enumerate(steps)}
    training: dict[str, Member] = {}
    at: dict[str, int] = {}
    kept: set[int] = set()
    trained = 0
    for _ in range(4000):
        if not waiting and not training:
            break
        free = workers - len(training)
        chosen = list(ready(waiting.values(), training.values(), kept))
        assert training or chosen, "nothing can start and nothing trains"
        for name in chance.sample(chosen, min(free, len(chosen))):
            training[name] = waiting.pop(name)
            at[name] = latest(kept, training[name].branch_step)
        name = chance.choice(list(training))
        run = training[name]
        leading = [r for r in training.values() if at[r.run_id] < r.branch_step]
        assert losses or len(leading) <= 1
        dice = chance.random()
        if dice < 0.1:
            waiting[name] = training.pop(name)
        elif losses and dice < 0.15:
            kept.clear()
        elif at[name] < run.branch_step:
            at[name], trained = at[name] + 1, trained + 1
            if at[name] in steps:
                kept.add(at[name])
        else:
            training.pop(name)
            unfinished = [m.branch_step for m in (*waiting.values(), *training.values())]
            kept &= needed(unfinished, kept)
    assert not waiting and not training
    assert trained >= max(steps)

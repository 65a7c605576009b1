"""Stacks by turns: runs whose batches differ take the steps that they take alone, and leave as from one stack."""

from __future__ import annotations

import pytest
import torch

from model.batches import Batches
from model.implementation import Implementation
from model.stacked import turns
from model.stacked.stack import Stack
from model.stacked.turns import Alone, Turns, steps_of
from model.training import Training
from tests.unit.model.model_data import CPU, small_run
from tests.unit.model.stacked.test_stack import ODD, TOLERANCE, largest_difference
from tokenizer.shards import Shards

SEPARATE = Implementation(stacked=8, batches="separate")


def mixed(data: Shards, batches: tuple[int, ...], **train: float) -> list[Training]:
    return [Training(small_run(data, seed=s, batch=b, **train), SEPARATE, CPU) for s, b in enumerate(batches)]


def test_the_implementation_says_how_batches_that_differ_step_together(data: Shards) -> None:
    assert isinstance(steps_of(mixed(data, (2, 3)), SEPARATE), Turns)
    assert isinstance(steps_of(mixed(data, (2, 3)), Implementation(stacked=8)), Stack)


def test_each_batch_has_a_stack(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    real = turns.Stack
    monkeypatch.setattr(turns, "Stack", lambda given: rows.append(len(given)) or real(given))
    assert not Turns(mixed(data, (4, 7, 4, 5))).captured
    assert rows == [2, 1, 1]


@pytest.mark.parametrize("batches", ["padded", "separate"])
@pytest.mark.parametrize("steps", [3, pytest.param(200, marks=pytest.mark.slow)])
def test_losses_are_those_of_single_runs(data: Shards, batches: str, steps: int) -> None:
    """Also in a last step that is not full."""
    runs = [
        small_run(data, ODD, seed=s, batch=b, sequences=steps * b - 1, lr=0.005) for s, b in enumerate((4, 7, 5, 4))
    ]
    worst, alone, joined = largest_difference(runs, data, steps, Implementation(stacked=4, batches=batches))
    assert worst < TOLERANCE
    weights = [[p for member in members for p in member.parameters] for members in (alone, joined)]
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(*weights, strict=True))


def test_a_run_that_has_left_is_not_touched_and_its_stack_may_be_empty(data: Shards) -> None:
    members = mixed(data, (2, 3, 3))
    batches = [Batches(member.run, data, CPU) for member in members]
    stacks = Turns(members)
    stacks.take_step({m: b.at(0) for m, b in zip(members, batches, strict=True)})
    for left in (0, 1, 1):
        stacks.leave(members[left])
    before = [p.detach().clone() for p in members[0].parameters]
    stacks.take_step({members[2]: batches[2].at(1)})
    stacks.release()
    assert [m.step for m in members] == [1, 1, 2]
    assert all(torch.equal(a, b) for a, b in zip(before, members[0].parameters, strict=True))
    assert all(p.untyped_storage().nbytes() == p.nbytes for m in members for p in m.parameters)


def test_stacks_that_do_not_fit_give_the_tensors_back(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    members, real = mixed(data, (2, 2, 3)), turns.Stack

    def two_fit(given: list[Training]) -> Stack:
        if len(given) == 1:
            raise torch.cuda.OutOfMemoryError("no room")
        return real(given)

    monkeypatch.setattr(turns, "Stack", two_fit)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        Turns(members)
    assert all(p.untyped_storage().nbytes() == p.nbytes for m in members for p in m.parameters)


def test_a_run_by_itself_takes_the_same_step(data: Shards) -> None:
    (single,), (other,) = mixed(data, (4,)), mixed(data, (4,))
    part = Batches(single.run, data, CPU).at(0)
    other.take_step(part)
    steps = Alone(single)
    assert not steps.captured
    steps.take_step({single: part})
    steps.leave(single)
    steps.release()
    assert single.losses[0] == other.losses[0] and single.step == 1

"""Runs that start together as a stack: which, how many, on what shares, and what is freed when they end."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.attempts import Slot
from orchestrator.scheduling.dispatch import Dispatch
from orchestrator.scheduling.waiting import Claim, StackSizes, Waiting

GPU = "NVIDIA H100 80GB HBM3"


def slot(name: str = "gpu0", shares: int = 1, memory: int | None = 100, *, gpu: bool = True) -> Slot:
    return Slot(name, name.partition("-")[0], GPU if gpu else "Xeon", shares, memory, gpu=gpu)


def dispatch(runs: list[Waiting], slots: list[Slot], **sizes: Any) -> Dispatch:
    made = Dispatch(StackSizes(**({"gpu": 4} | sizes)))
    for run in runs:
        made.offer(run)
    made.set_idle(slots)
    return made


def alike(count: int, memory: int = 0, **more: Any) -> list[Waiting]:
    return [Waiting(f"r{i}", 10.0 - i, memory, stack="s", **more) for i in range(count)]


def test_the_longest_of_a_stack_start_together() -> None:
    made = dispatch([*alike(6), Waiting("other", 20.0, stack="t"), Waiting("lone", 1.0)], [slot()])
    assert made.claims() == [Claim("other", "gpu0")]
    made = dispatch([*alike(6), Waiting("other", 9.5, stack="t"), Waiting("lone", 9.7)], [slot()])
    assert made.claims() == [Claim(f"r{i}", "gpu0", 0.25) for i in range(4)]
    assert "r4" in made and "other" in made and len(made) == 4


def test_a_cpu_gets_one_at_a_time_unless_told() -> None:
    cores = [slot(gpu=False, memory=None)]
    assert dispatch(alike(3), cores).claims() == [Claim("r0", "gpu0")]
    assert len(dispatch(alike(3), cores, cpu=2).claims()) == 2


def test_a_stack_is_no_larger_than_its_memory() -> None:
    assert [claim.run_id for claim in dispatch(alike(4, 30), [slot()]).claims()] == ["r0", "r1", "r2"]
    halves = [slot("gpu-0", 2), slot("gpu-1", 2)]
    claims = dispatch(alike(4, 20), halves).claims()
    assert [(c.run_id, c.worker, c.share) for c in claims] == [
        ("r0", "gpu-0", 0.25),
        ("r1", "gpu-0", 0.25),
        ("r2", "gpu-1", 0.25),
        ("r3", "gpu-1", 0.25),
    ]


def test_each_device_gets_its_part_of_what_waits() -> None:
    claims = dispatch(alike(4), [slot("gpu0"), slot("gpu1"), slot("gpu2")]).claims()
    assert [claim.worker for claim in claims] == ["gpu0", "gpu0", "gpu1", "gpu2"]
    claims = dispatch(alike(4), [slot("gpu0"), slot("gpu1")]).claims()
    assert [claim.worker for claim in claims] == ["gpu0", "gpu0", "gpu1", "gpu1"]
    assert len(dispatch(alike(2), [slot("gpu0"), slot("gpu1"), slot("gpu2")]).claims()) == 2


def test_workers_that_are_busy_keep_their_part() -> None:
    made = dispatch([Waiting("lone", 99.0), *alike(3)], [slot("gpu0")])
    assert made.claims() == [Claim("lone", "gpu0")]
    made.set_idle([slot("gpu1")])
    assert [(claim.run_id, claim.worker) for claim in made.claims()] == [("r0", "gpu1"), ("r1", "gpu1")]


def test_workers_of_one_gpu_are_workers() -> None:
    claims = dispatch(alike(4), [slot(f"gpu-{i}", 4) for i in range(4)], gpu=16).claims()
    assert [claim.worker for claim in claims] == [f"gpu-{i}" for i in range(4)]


def test_runs_for_another_kind_of_device_are_no_mates() -> None:
    runs = [
        Waiting("a", 9.0, stack="s", kind="h100"),
        Waiting("b", 8.0, stack="s"),
        Waiting("c", 7.0, stack="s", kind="h100"),
    ]
    assert [claim.run_id for claim in dispatch(runs, [slot()]).claims()] == ["a", "c"]


def test_a_run_that_was_withdrawn_is_no_mate() -> None:
    made = dispatch(alike(3), [])
    made.withdraw("r1")
    made.offer(Waiting("r2", 1.0, stack="other"))
    made.offer(Waiting("r0", 10.0))
    made.set_idle([slot()])
    assert made.claims() == [Claim("r0", "gpu0")], "it trains alone since it was offered again"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_shares_are_free_when_the_last_has_ended(order: tuple[int, ...]) -> None:
    made = dispatch(alike(3), [slot("gpu-0", 2)], gpu=3)
    first = made.claims()
    assert [claim.worker for claim in first] == ["gpu-0"] * 3
    made.offer(Waiting("large", 1.0, 60))
    for index in order:
        assert made.claims() == []
        made.release(f"r{index}")
    made.set_idle([slot("gpu-0", 2), slot("gpu-1", 2)])
    assert [(claim.run_id, claim.share) for claim in made.claims()] == [("large", 1.0)]


def test_a_stack_is_one_users_and_counts_for_them_until_its_last_run_ends() -> None:
    runs = [*alike(3, user="ada"), *(Waiting(f"b{i}", 9.0 - i, stack="s", user="bob") for i in range(9))]
    made = dispatch(runs, [slot("gpu0"), slot("gpu1")], gpu=3)
    first = made.claims()
    assert [(claim.run_id, claim.worker) for claim in first] == [
        *((f"r{i}", "gpu0") for i in range(3)), *((f"b{i}", "gpu1") for i in range(3))
    ]  # fmt: skip
    for ended in ("r0", "r2", "b0", "b1", "b2"):
        made.release(ended)
    made.offer(Waiting("a9", 99.0, user="ada"))
    made.add_idle(slot("gpu1"))
    assert [claim.run_id for claim in made.claims()] == ["b3", "b4", "b5"], "ada still has a GPU, and bob has none"

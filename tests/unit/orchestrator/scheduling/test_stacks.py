"""Runs that start together as a stack: which, how many, on what shares, and what is freed when they end."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.attempts import Slot
from orchestrator.scheduling.dispatch import Dispatch
from orchestrator.scheduling.stacks import StackSizes
from orchestrator.scheduling.waiting import Claim, Waiting

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


def test_stacks_are_for_the_devices_that_they_are_set_for() -> None:
    core, gpu = Slot("w", "w", "Xeon"), Slot("g", "g", "H100", gpu=True)
    assert [StackSizes().most(slot) for slot in (core, gpu)] == [1, 1]
    assert [StackSizes(gpu=16).most(slot) for slot in (core, gpu)] == [1, 16]
    assert [StackSizes(4, 3).most(slot) for slot in (core, gpu)] == [3, 4]
    assert (StackSizes.of(None), StackSizes.of(3)) == (StackSizes(gpu=16), StackSizes(3, 3))


def test_the_longest_of_a_stack_start_together() -> None:
    made = dispatch([*alike(6), Waiting("other", 20.0, stack="t"), Waiting("lone", 1.0)], [slot()])
    assert made.claims() == [Claim("other", "gpu0")]
    made = dispatch([*alike(6), Waiting("other", 9.5, stack="t"), Waiting("lone", 9.7)], [slot()])
    assert made.claims() == [Claim(f"r{i}", "gpu0", 0.25) for i in range(4)]
    assert "r4" in made and "other" in made and len(made) == 4


def test_a_stack_that_has_the_whole_device_is_not_cut_for_its_other_workers() -> None:
    """They cannot train runs like it meanwhile; the workers of another device can, and get their part."""
    slots = [slot(f"gpu0-{i}", shares=4) for i in range(4)]
    made = dispatch(alike(4, beside=1), slots)
    assert made.claims() == [Claim(f"r{i}", "gpu0-0", 0.25) for i in range(4)]
    made = dispatch(alike(4, beside=1), [*slots, *(slot(f"gpu1-{i}", shares=4) for i in range(4))])
    assert [(claim.run_id, claim.worker, claim.share) for claim in made.claims()] == [
        ("r0", "gpu0-0", 0.5),
        ("r1", "gpu0-0", 0.5),
        ("r2", "gpu1-0", 0.5),
        ("r3", "gpu1-0", 0.5),
    ]


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


def half_gone(made: Dispatch, ended: tuple[str, ...] = ("r2", "r3"), *, computed: bool = True) -> Dispatch:
    """Dispatch after its first four runs have started together, and these have ended."""
    assert [claim.run_id for claim in made.claims()] == ["r0", "r1", "r2", "r3"]
    for run_id in ended:
        made.release(run_id, computed=computed)
    return made


def test_runs_enter_a_stack_that_has_lost_half_of_its_runs() -> None:
    made = half_gone(dispatch(alike(9), [slot()]))
    assert made.claims() == [Claim(f"r{i}", "gpu0", 0.25, ("r0", "r1")) for i in (4, 5)]
    assert made.claims() == [], "it is full"
    for ended in ("r0", "r4", "r1"):
        made.release(ended, computed=True)
    assert made.claims() == [Claim(f"r{i}", "gpu0", 0.25, ("r5",)) for i in (6, 7, 8)]
    for ended in ("r5", "r6", "r7", "r8"):
        made.release(ended, computed=True)
    made.offer(Waiting("next", 1.0))
    made.set_idle([slot()])
    assert made.claims() == [Claim("next", "gpu0")], "all shares are free again"


@pytest.mark.parametrize(
    ("ended", "computed"),
    [(("r3",), True), (("r2", "r3"), False), (("r0", "r1", "r2", "r3"), True)],
    ids=["less than half", "one after the other", "all"],
)
def test_nothing_enters(ended: tuple[str, ...], computed: bool) -> None:
    assert half_gone(dispatch(alike(9), [slot()]), ended, computed=computed).claims() == []


def test_a_stack_stays_open_when_a_run_without_a_result_leaves_it() -> None:
    made = half_gone(dispatch(alike(9), [slot()]), ("r2",))
    made.release("r3", computed=False)
    assert [claim.run_id for claim in made.claims()] == ["r4", "r5"]


def test_a_run_enters_only_if_it_is_its_turn() -> None:
    made = half_gone(dispatch(alike(9), [slot()]))
    made.offer(Waiting("longer", 9.0, stack="t"))
    assert made.claims() == [], "the longer one would wait for ever"
    made.withdraw("longer")
    made.offer(Waiting("bobs", 0.1, stack="s", user="bob"))
    assert made.claims() == [], "bob has nothing yet, and no part in a stack of another's"
    made.set_idle([slot("gpu1")])
    assert [claim.run_id for claim in made.claims()] == ["bobs", "r4", "r5"], "then it is the others' turn"


def test_an_idle_worker_goes_first_and_others_keep_their_part() -> None:
    made = half_gone(dispatch(alike(7), [slot()]))
    made.set_idle([slot("gpu1")])
    assert [(claim.run_id, claim.worker) for claim in made.claims()] == [
        ("r4", "gpu1"),
        ("r5", "gpu1"),
        ("r6", "gpu0"),
    ]


def test_what_enters_fits_into_the_memory() -> None:
    made = half_gone(dispatch(alike(9, 25), [slot()]), ("r3", "r2", "r1"))
    made.offer(Waiting("r4", 6.0, 60, stack="s"))
    assert [claim.run_id for claim in made.claims()] == ["r4"]
    assert half_gone(dispatch([*alike(4, 25), Waiting("r4", 6.0, 60, stack="s")], [slot()])).claims() == []

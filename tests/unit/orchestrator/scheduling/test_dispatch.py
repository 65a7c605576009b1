"""Which run goes to which worker: longest first, shares of a device by memory, no large run starved."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.devices import DEVICES
from benchmarks.simulated_cluster import first_come, longest_first, owners_of, simulate, workload
from orchestrator.attempts import Slot
from orchestrator.scheduling.dispatch import Dispatch
from orchestrator.scheduling.waiting import Claim, Waiting

GIB = 2**30


H100, A100 = "NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-40GB"


def slots(device: str, shares: int = 1, kind: str = "", memory: int | None = None) -> list[Slot]:
    return [Slot(f"{device}-{i}", device, kind, shares, memory, gpu=bool(kind)) for i in range(shares)]


def dispatch(runs: list[Waiting], workers: list[Slot]) -> Dispatch:
    made = Dispatch()
    for run in runs:
        made.offer(run)
    made.set_idle(workers)
    return made


@given(st.lists(st.floats(0.1, 1e4), max_size=30), st.integers(0, 8))
def test_each_worker_gets_one_run_and_the_longest_go_first(costs: list[float], workers: int) -> None:
    runs = [Waiting(f"r{i}", cost) for i, cost in enumerate(costs)]
    claims = dispatch(runs, [s for i in range(workers) for s in slots(f"w{i}")]).claims()
    assert len(claims) == min(len(costs), workers)
    assert len({c.run_id for c in claims}) == len({c.worker for c in claims}) == len(claims)
    chosen = sorted((w.work for w in runs if w.run_id in {c.run_id for c in claims}), reverse=True)
    assert chosen == sorted(costs, reverse=True)[: len(claims)]


def test_runs_that_go_later_start_only_where_no_other_of_their_user_waits() -> None:
    runs = [
        Waiting("ahead", 9.0, user="ada", later=True),
        Waiting("own", 1.0, user="ada"),
        Waiting("more", 2.0, user="ada"),
    ]
    made = dispatch(runs, [slot for i in range(2) for slot in slots(f"w{i}")])
    assert [claim.run_id for claim in made.claims()] == ["more", "own"]
    made.add_idle(slots("w2")[0])
    assert [claim.run_id for claim in made.claims()] == ["ahead"], "an idle worker takes it"
    again = dispatch([*runs, replace(runs[0], later=False)], slots("w0"))
    assert [claim.run_id for claim in again.claims()] == ["ahead"], "its round is decided by now"


def test_a_users_large_sweep_does_not_keep_out_anothers_small_one() -> None:
    """Four workers: who has fewer runs in training is next, and of a user's runs the longest."""
    workers = [slot for i in range(4) for slot in slots(f"w{i}")]
    large = [Waiting(f"large{i}", 100.0 + i, user="ada") for i in range(50)]
    made = dispatch([*large, Waiting("small0", 1.0, user="bob"), Waiting("small1", 2.0, user="bob")], workers)
    assert [claim.run_id for claim in made.claims()] == ["large49", "small1", "large48", "small0"]
    made.offer(Waiting("late", 0.5, user="tom"))
    for ended, worker, started in (("large49", "w0", "late"), ("small1", "w1", "large47")):
        made.release(ended)
        made.add_idle(slots(worker)[0])
        assert [claim.run_id for claim in made.claims()] == [started]


@pytest.mark.parametrize(("weight", "of_ada"), [(1.0, 4), (3.0, 6), (0.34, 2)])
def test_devices_are_shared_by_the_weights_of_users(weight: float, of_ada: int) -> None:
    workers = [slot for i in range(8) for slot in slots(f"w{i}")]
    made = dispatch([Waiting(f"{user}{i}", 9.0 - i, user=user) for user in ("ada", "bob") for i in range(9)], [])
    made.weigh({"ada": weight})
    made.set_idle(workers)
    assert sum(claim.run_id.startswith("ada") for claim in made.claims()) == of_ada


def test_small_runs_share_a_device_and_a_large_one_has_it_alone() -> None:
    runs = [Waiting(f"small{i}", 10 - i, 4 * GIB) for i in range(5)] + [Waiting("large", 100, 30 * GIB)]
    made = dispatch(runs, slots("gpu0", 4, memory=32 * GIB) + slots("gpu1", 4, memory=32 * GIB))
    claims = made.claims()
    assert claims[0] == Claim("large", "gpu0-0", 1.0)
    assert [(c.run_id, c.worker, c.share) for c in claims[1:]] == [(f"small{i}", f"gpu1-{i}", 0.25) for i in range(4)]
    made.release("large")
    assert made.claims() == [Claim("small4", "gpu0-1", 0.25, of_device=0.25)]


def test_a_run_takes_as_many_shares_as_its_memory_needs() -> None:
    runs = [Waiting("half", 3, 9 * GIB), Waiting("quarter", 2, 8 * GIB), Waiting("other", 1, 1)]
    claims = dispatch(runs, slots("gpu", 4, memory=32 * GIB)).claims()
    assert {c.run_id: c.share for c in claims} == {"half": 0.5, "quarter": 0.25, "other": 0.25}


def test_a_device_empties_for_a_large_run_that_waits_behind_a_stream_of_small_ones() -> None:
    gpus = slots("gpu0", 2, memory=32 * GIB) + slots("gpu1", 2, memory=32 * GIB)
    made = dispatch([Waiting(f"small{i}", 5, GIB) for i in range(4)], gpus)
    placed = {c.run_id: c.worker for c in made.claims()}
    assert len(placed) == 4
    made.offer(Waiting("large", 50, 32 * GIB))
    for i in range(4, 40):  # small runs end and come for ever
        made.offer(Waiting(f"small{i}", 5, GIB))
        ended = min(placed)
        worker = placed.pop(ended)
        made.release(ended)
        made.set_idle([s for s in gpus if s.name not in placed.values()])
        claims = made.claims()
        placed |= {c.run_id: c.worker for c in claims}
        if "large" in placed:
            break
    assert "large" in placed, "the large run starved"
    assert [run for run, its in placed.items() if its.startswith(worker[:4])] == ["large"]


def _loaded(loads: dict[str, int]) -> tuple[Dispatch, dict[str, Slot]]:
    """GPUs of four shares, each with as many small runs on it as `loads` says, and its workers that are idle."""
    made, idle = Dispatch(), {s.name: s for gpu in loads for s in slots(gpu, 4, memory=32 * GIB)}
    for gpu, count in loads.items():
        for i in range(count):
            made.offer(Waiting(f"{gpu}-run{i}", 1, GIB))
            made.set_idle(s for s in idle.values() if s.device == gpu)
            (claim,) = made.claims()
            del idle[claim.worker]
    made.set_idle(idle.values())
    return made, idle


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "a", "b"), ("b", "c", "a")])
def test_the_emptiest_device_is_kept_for_a_run_that_fits_nowhere(order: tuple[str, ...]) -> None:
    """a has two small runs, b one, c three: b is kept, and small runs go to the others, the fullest first."""
    counts = {"a": 2, "b": 1, "c": 3}
    made, idle = _loaded({gpu: counts[gpu] for gpu in order})
    made.offer(Waiting("large", 9, 32 * GIB))
    for i in range(9):
        made.offer(Waiting(f"small{i}", 5 - i / 10, GIB))
    claims = made.claims()
    assert [idle[c.worker].device for c in claims] == ["c", "a", "a"]
    assert [c.run_id for c in claims] == ["small0", "small1", "small2"]
    made.set_idle([s for s in idle.values() if s.name not in {c.worker for c in claims}])
    made.release("b-run0")
    assert [(c.run_id, idle[c.worker].device, c.share) for c in made.claims()] == [("large", "b", 1.0)]


def test_a_small_run_goes_to_the_fullest_device_that_has_room() -> None:
    made, idle = _loaded({"empty": 0, "half": 2, "full": 3})
    for i, memory in enumerate((8, 16, 8)):
        made.offer(Waiting(f"r{i}", 9 - i, memory * GIB))
    assert [idle[c.worker].device for c in made.claims()] == ["full", "half", "empty"]


def test_a_kept_device_waits_until_there_is_room_for_its_run_and_no_longer() -> None:
    made, idle = _loaded({"a": 2, "b": 4})
    made.offer(Waiting("large", 9, 24 * GIB))  # three of four shares
    made.offer(Waiting("small", 8, GIB))
    assert made.claims() == []
    made.release("a-run0")
    assert [(c.run_id, idle[c.worker].device, c.share) for c in made.claims()] == [("large", "a", 0.75)]
    made.release("a-run1")
    assert [(c.run_id, idle[c.worker].device, c.share) for c in made.claims()] == [("small", "a", 0.25)]


def test_a_device_is_kept_no_more_for_a_run_that_was_withdrawn() -> None:
    gpu = slots("gpu", 2, memory=32 * GIB)
    made = dispatch([Waiting("first", 9, GIB)], gpu)
    assert len(made.claims()) == 1
    made.offer(Waiting("large", 8, 32 * GIB))
    made.offer(Waiting("small", 7, GIB))
    assert made.claims() == []
    made.withdraw("large")
    assert [c.run_id for c in made.claims()] == ["small"]


def test_a_run_goes_to_the_kind_of_device_that_it_asks_for() -> None:
    runs = [Waiting("a", 9, kind="h100"), Waiting("b", 8, kind="h100"), Waiting("c", 1), Waiting("d", 5, kind="l40s")]
    made = dispatch(runs, slots("gpu0", kind=A100) + slots("gpu1", kind=H100))
    assert made.asked() == {"h100": 2, "": 1, "l40s": 1}
    assert {c.run_id: c.worker for c in made.claims()} == {"a": "gpu1-0", "c": "gpu0-0"}
    assert sorted(w.run_id for w in made.waiting()) == ["b", "d"]
    made.withdraw("b")
    made.offer(Waiting("d", 6, kind="a100"))
    made.offer(Waiting("d", 7, kind="a100"))
    assert made.asked() == {"a100": 1}


@pytest.mark.parametrize(
    ("slot", "kinds"),
    [
        (Slot("w", "g", H100, gpu=True), {"", "cuda", "h100"}),
        (Slot("w", "g", "NVIDIA H100 PCIe", gpu=True), {"", "cuda", "h100", "h100-pcie"}),
        (Slot("w", "g", "NVIDIA A100-SXM4-80GB", gpu=True), {"", "cuda", "a100", "a100-80g"}),
        (Slot("w", "g", "A100-80G", gpu=True), {"", "cuda", "a100", "a100-80g"}),
        (Slot("w", "g", "NVIDIA L40S", gpu=True), {"", "cuda", "l40s"}),
        (Slot("w", "g", "NVIDIA GeForce RTX 4090", gpu=True), {"", "cuda", "rtx4090"}),
        (Slot("w", "g", "GeForce-RTX-4090", gpu=True), {"", "cuda", "rtx4090"}),
        (Slot("w", "g", "Tesla V100-SXM2-16GB", gpu=True), {"", "cuda", "v100"}),
        (Slot("w", "g", "AMD Instinct MI300X", gpu=True), {"", "cuda", "mi300x"}),
        (Slot("w", "w", "Intel(R) Xeon(R) H100", gpu=False), {"", "cpu"}),
    ],
)
def test_a_worker_has_the_kinds_that_its_device_is_of(slot: Slot, kinds: set[str]) -> None:
    assert {kind for kind in ("", "cpu", "cuda", *DEVICES) if slot.has(kind)} == kinds


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_no_run_is_ever_given_a_device_of_another_kind(seed: int) -> None:
    """Random queues of several kinds on a mixed cluster: each run starts on its kind, the others go on beside it."""
    draw = random.Random(seed)
    names = {"h100": H100, "a100": A100, "cpu": ""}
    workers = {s.name: s for i in range(6) for s in slots(f"d{i}", kind=draw.choice([H100, A100, ""]))}
    made, free = Dispatch(), dict(workers)
    runs = {f"r{i}": draw.choice(["", "cuda", *names]) for i in range(40)}
    for run_id, kind in runs.items():
        made.offer(Waiting(run_id, draw.random(), kind=kind))
    for _ in range(60):
        made.set_idle(free.values())
        claims = made.claims()
        assert all(workers[c.worker].has(runs[c.run_id]) for c in claims)
        idle = [s for s in free.values() if s.name not in {c.worker for c in claims}]
        assert not any(s.has(w.kind) for s in idle for w in made.waiting())
        for claim in claims:
            made.release(claim.run_id)
    there = [kind for kind in set(runs.values()) if any(s.has(kind) for s in workers.values())]
    assert not made.asked().keys() & there


def test_a_new_cost_takes_a_run_to_its_new_place() -> None:
    made = dispatch([Waiting("a", 3), Waiting("b", 2), Waiting("c", 1)], slots("w"))
    made.offer(Waiting("a", 0.5))
    made.offer(Waiting("c", 4))
    order = []
    while claims := made.claims():
        order += [c.run_id for c in claims]
        made.release(order[-1])
        made.set_idle(slots("w"))
    assert order == ["c", "b", "a"]


def test_a_device_whose_workers_left_gets_nothing() -> None:
    made = dispatch([Waiting("a", 3), Waiting("b", 2)], slots("gone") + slots("stays"))
    made.set_idle(slots("stays"))
    assert made.claims() == [Claim("a", "stays-0")]
    made.set_idle([])
    made.release("a")
    assert made.claims() == []


def test_each_shape_has_as_much_of_a_device_as_was_measured_to_be_the_fastest() -> None:
    """Four workers on a GPU: some shapes train four at a time, some two, and some need it for themselves."""
    runs = [Waiting(f"quarter{i}", 40 - i, GIB, beside=4) for i in range(4)]
    runs += [Waiting(f"half{i}", 30 - i, GIB, beside=2) for i in range(3)]
    runs += [Waiting("whole", 20, GIB, beside=1), Waiting("large", 10, 20 * GIB, beside=4)]
    made, seen = dispatch(runs, slots("gpu", 4, A100, 32 * GIB)), []
    while claims := made.claims():
        seen.append([(claim.run_id, claim.share, claim.of_device) for claim in claims])
        for claim in claims:
            made.release(claim.run_id)
        made.set_idle(slots("gpu", 4, A100, 32 * GIB))
    assert seen == [
        [(f"quarter{i}", 0.25, 0.25) for i in range(4)],
        [("half0", 0.5, 0.5), ("half1", 0.5, 0.5)],
        [("half2", 0.5, 0.5)],
        [("whole", 1.0, 1.0)],
        [("large", 0.75, 0.75)],
    ]


def test_a_run_that_is_best_alone_is_not_starved_by_those_that_share() -> None:
    made = dispatch([Waiting("first", 9, GIB, beside=4)], slots("gpu", 4, A100, 32 * GIB))
    (first,) = made.claims()
    made.offer(Waiting("whole", 8, GIB, beside=1))
    made.offer(Waiting("small", 1, GIB, beside=4))
    idle = [slot for slot in slots("gpu", 4, A100, 32 * GIB) if slot.name != first.worker]
    made.set_idle(idle)
    assert made.claims() == [], "the device is kept for it"
    made.release("first")
    made.set_idle(slots("gpu", 4, A100, 32 * GIB))
    assert [claim.run_id for claim in made.claims()] == ["whole"]


@given(st.integers(0, 10**6))
def test_no_device_is_ever_given_more_than_it_has_and_every_run_starts(seed: int) -> None:
    """Random runs, kinds, ends and departures: shares never exceed a device, and nothing is left waiting."""
    draw = random.Random(seed)
    devices = {f"d{i}": draw.choice([A100, H100]) for i in range(4)} | {"d4": A100, "d5": H100}
    workers = {s.name: s for d, kind in devices.items() for s in slots(d, 4 if kind == A100 else 2, kind, 32 * GIB)}
    made, running, waiting = Dispatch(), {}, 0
    for i in range(60):
        made.offer(
            Waiting(
                f"r{i}",
                draw.random(),
                draw.randrange(40 * GIB),
                draw.choice(["", "a100", "h100"]),
                beside=draw.randrange(5),
            )
        )
    for _ in range(400):
        made.set_idle(s for name, s in workers.items() if name not in {c.worker for c in running.values()})
        running |= {c.run_id: c for c in made.claims()}
        for device in devices:
            assert sum(c.share for c in running.values() if workers[c.worker].device == device) <= 1
        waiting = len(made)
        if not running:
            break
        ended = draw.choice(sorted(running))
        made.release(ended)
        del running[ended]
    assert waiting == 0 and not running


@pytest.mark.parametrize("seed", [0, 1])
def test_a_simulated_cluster_ends_within_five_hundredths_of_the_lower_bound(seed: int) -> None:
    """20 GPUs, 400 runs that share them by memory, some in chains; virtual time."""
    jobs = workload(400, 20, longest=0.5, seed=seed)
    ours, fifo = (simulate(jobs, 20, order) for order in (longest_first, first_come))
    assert ours.makespan <= 1.05 * ours.bound < fifo.makespan


def test_small_users_are_done_early_and_everybody_not_much_later() -> None:
    """20 GPUs, 400 runs, nine tenths of them one user's; virtual time."""
    jobs = workload(400, 20, longest=0.3, seed=0)
    owners = owners_of(jobs, 4)
    fair, unfair = (simulate(jobs, 20, longest_first, owners, fair=fair) for fair in (True, False))
    assert set(fair.last) == {"0", "1", "2", "3"}
    for user in ("1", "2", "3"):
        assert fair.last[user] < 0.5 * fair.makespan < 0.8 * unfair.last[user]
    assert fair.makespan <= 1.15 * fair.bound

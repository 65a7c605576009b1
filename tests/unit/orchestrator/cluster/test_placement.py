"""What workers ask of Ray, and how many there are."""

from __future__ import annotations

import pytest

from orchestrator.cluster.placement import AHEAD, demand_of, workers_by_kind, workers_wanted


@pytest.mark.parametrize("shares", [1, 2, 4, 8])
def test_the_workers_of_a_gpu_fill_it_exactly(shares: int) -> None:
    assert demand_of(gpu=True, shares=shares).num_gpus * shares == 1
    assert demand_of(gpu=False, shares=shares).num_gpus == 0


def test_workers_double_towards_what_is_useful_and_pend_only_a_few() -> None:
    ready, seen = 0, []
    while ready < 500:
        ready = workers_wanted(useful=500, ready=ready, most=1000)
        seen.append(ready)
    assert seen == [4, 12, 28, 60, 124, 252, 500]
    assert workers_wanted(useful=500, ready=16, most=1000) - 16 <= 16 + AHEAD
    assert workers_wanted(useful=500, ready=16, most=20) == 20
    assert workers_wanted(useful=0, ready=16, most=20) == 0


@pytest.mark.parametrize(
    ("kind", "present", "accelerator"),
    [
        ("h100", (), "H100"),
        ("h100-pcie", ("A100", "H100"), "H100"),
        ("a100", ("A100-80G", "H100"), "A100-80G"),
        ("a100-80g", ("A100", "H100"), "A100"),
        ("a100-80g", ("A100", "A100-80G"), "A100-80G"),
        ("a100-80g", ("H100",), "A100-80G"),
        ("rtx4090", (), "GeForce-RTX-4090"),
    ],
)
def test_a_worker_for_a_kind_asks_for_rays_name_of_it(kind: str, present: tuple[str, ...], accelerator: str) -> None:
    for pool_has_gpus in (False, True):
        demand = demand_of(pool_has_gpus, 4, kind, present)
        assert (demand.num_gpus, demand.accelerator) == (0.25, accelerator)
    for any_kind, gpus in (("", 0.0), ("cpu", 0.0), ("cuda", 0.25)):
        assert demand_of(False, 4, any_kind).num_gpus == gpus
        assert demand_of(False, 4, any_kind).accelerator is None


def test_rays_own_names_are_ours() -> None:
    """What Ray detects of the devices that both know."""
    from ray.util.accelerators import accelerators

    known = {value for name, value in vars(accelerators).items() if name.isupper()}
    ours = {kind: demand_of(True, 1, kind).accelerator for kind in ("v100", "t4", "l4", "l40s", "a10g", "h200", "b200")}
    ours |= {kind: demand_of(True, 1, kind).accelerator for kind in ("a100", "a100-40g", "a100-80g", "h100", "mi250x")}
    assert set(ours.values()) <= known


def test_demand_follows_the_runs_of_each_kind() -> None:
    assert workers_by_kind({"h100": 3, "a100": 1, "": 0}, {}, 100) == {"h100": 3, "a100": 1}
    assert workers_by_kind({"h100": 50}, {"h100": 10, "a100": 7}, 100) == {"h100": 24}
    assert workers_by_kind({}, {"h100": 10}, 100) == {}


def test_a_kind_that_the_cluster_has_not_keeps_no_other_from_its_workers() -> None:
    useful = {"l40s": 50, "h100": 50}
    assert workers_by_kind(useful, {}, 2) == {"l40s": 1, "h100": 1}
    assert workers_by_kind(useful, {"h100": 1}, 2, {"l40s"}) == {"h100": 2, "l40s": 2}
    assert workers_by_kind(useful, {"h100": 3, "l40s": 1}, 8, {"l40s"}) == {"h100": 7, "l40s": 6}, "it has one node"
    assert workers_by_kind(useful, {"h100": 60}, 100, {"l40s"}) == {"h100": 50, "l40s": AHEAD}, "it waits all the same"


def test_kinds_share_what_there_may_be() -> None:
    assert workers_by_kind({"h100": 50, "a100": 50}, {"h100": 3, "a100": 3}, 6) == {"h100": 3, "a100": 3}
    assert workers_by_kind({"h100": 50, "a100": 1}, {"h100": 5, "a100": 1}, 6) == {"h100": 5, "a100": 1}
    assert workers_by_kind({"h100": 9, "a100": 9, "": 9}, {}, 2) == {"h100": 1, "a100": 1, "": 0}


def test_runs_of_any_kind_take_what_others_leave_before_more_is_asked_for() -> None:
    ready = {"h100": 3, "a100": 2}
    assert workers_by_kind({"": 4, "h100": 1}, ready, 10) == {"h100": 3, "a100": 2}
    assert workers_by_kind({"": 9, "h100": 1}, ready, 100) == {"h100": 3, "a100": 2, "": 4}
    assert workers_by_kind({"": 1, "h100": 3}, ready, 10) == {"h100": 3, "a100": 1}

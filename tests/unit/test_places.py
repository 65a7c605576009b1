"""What workers ask of Ray, and how many there are."""

from __future__ import annotations

import pytest

from orchestrator.places import AHEAD, demand_of, workers_wanted


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

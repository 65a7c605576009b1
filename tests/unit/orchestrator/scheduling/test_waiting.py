"""How many runs a worker may get, by its device."""

from __future__ import annotations

from orchestrator.attempts import Slot
from orchestrator.scheduling.waiting import StackSizes


def test_stacks_are_for_the_devices_that_they_are_set_for() -> None:
    core, gpu = Slot("w", "w", "Xeon"), Slot("g", "g", "H100", gpu=True)
    assert [StackSizes().most(slot) for slot in (core, gpu)] == [1, 1]
    assert [StackSizes(gpu=16).most(slot) for slot in (core, gpu)] == [1, 16]
    assert [StackSizes(4, 3).most(slot) for slot in (core, gpu)] == [3, 4]

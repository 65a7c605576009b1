"""Slots, kinds of device, and what an attempt reports."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.attempts import Assignment, Kinds, RunProgress, Slot, Tracking

GPU = Slot("w", "gpu0", "NVIDIA H100 80GB HBM3", 4, 80, gpu=True)
CORE = Slot("c", "c", "AMD EPYC")


@pytest.mark.parametrize(
    ("kind", "gpu", "core"),
    [("", True, True), ("cuda", True, False), ("cpu", False, True), ("h100", True, False), ("a100", False, False)],
)
def test_a_slot_is_of_a_kind(kind: str, gpu: bool, core: bool) -> None:
    assert (GPU.has(kind), CORE.has(kind)) == (gpu, core)


@pytest.mark.parametrize(("memory", "shares"), [(0, 1), (-1, 1), (1, 1), (20, 1), (21, 2), (60, 3), (61, 4), (81, 4)])
def test_a_run_needs_shares_by_its_memory(memory: int, shares: int) -> None:
    assert GPU.needs(memory) == shares
    assert CORE.needs(memory) == 1, "no run is too large to share it"


def test_devices_alike_have_the_same_layout() -> None:
    assert replace(GPU, name="v", device="gpu1").layout == GPU.layout
    for change in ({"kind": "A100"}, {"shares": 2}, {"memory": 40}, {"gpu": False}):
        assert replace(GPU, **change).layout != GPU.layout  # type: ignore[arg-type]


def test_kinds_say_what_there_is() -> None:
    kinds = Kinds((GPU, CORE, replace(CORE, name="d")), ("A100", "T4"))
    assert kinds.has("h100") and kinds.has("cpu") and not kinds.has("a100")
    assert str(kinds) == "the workers have AMD EPYC and NVIDIA H100 80GB HBM3, Ray's nodes declare A100 and T4"
    assert str(Kinds(())) == "no worker is ready"


def test_progress_is_that_of_an_event() -> None:
    event = {"kind": "progress", "tokens": 100, "flops": 5e8, "loss": 3.5, "lr": 0.1}
    assert RunProgress.of(event, frozenset({10})) == RunProgress(100, 5e8, 3.5, frozenset({10}))
    assert RunProgress.of({"kind": "attempt"}) == RunProgress(0, 0.0, None, frozenset())


def test_an_attempt_is_known_by_its_run_and_number() -> None:
    made = Assignment("run", 3, {}, "a", "s", "n", Tracking("disabled", "", "p", "test"))
    assert made.key == ("run", 3)

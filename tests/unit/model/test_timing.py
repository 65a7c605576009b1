"""Timing: warm-up does not count, and a run that is timed never ends."""

from __future__ import annotations

import pytest

from model import timing
from model.timing import for_timing, times
from tests.unit.model.model_data import CPU, small_run
from tokenizer.shards import Shards


def calls_of(monkeypatch: pytest.MonkeyPatch, call_seconds: float, seconds: float) -> list[float]:
    """What `times` returns for work that takes this long on a clock of its own."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    number = iter(range(1, 10**6))

    def work() -> None:
        now[0] += call_seconds * (1000 if next(number) <= 2 else 1)

    return times(work, CPU, seconds)


@pytest.mark.parametrize(("call_seconds", "seconds", "count"), [(1.0, 0.0, 3), (1.0, 10.0, 10), (0.5, 10.25, 21)])
def test_as_many_calls_as_fit_after_warm_up(
    monkeypatch: pytest.MonkeyPatch, call_seconds: float, seconds: float, count: int
) -> None:
    assert calls_of(monkeypatch, call_seconds, seconds) == [call_seconds] * count


def test_a_timed_run_is_as_wide_and_never_ends(data: Shards) -> None:
    run = small_run(data, numerics="bf16", clip=0.5)
    timed = for_timing(run)
    assert timed.train.steps == timing.TIMED_STEPS
    assert (timed.train.lr, timed.train.embedding_lr) == (timing.TIMED_LR, timing.TIMED_LR)
    assert (timed.model, timed.train.batch, timed.train.numerics, timed.train.clip) == (run.model, 4, "bf16", 0.5)

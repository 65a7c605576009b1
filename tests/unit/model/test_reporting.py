"""When a run reports and saves, and what its seconds are, by a clock that the test turns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model import reporting
from model.batches import Batches
from model.checkpoint import Checkpoints
from model.implementation import Implementation
from model.reporting import Reporter, silent
from model.training import Training
from tests.unit.model.model_data import CPU, small_run
from tokenizer.shards import Shards


@pytest.mark.usefixtures("quick_disk")
def test_progress_and_checkpoints_come_at_their_own_intervals(
    data: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, device = [50.0], [7.0]
    monkeypatch.setattr(reporting.time, "perf_counter", lambda: now[0])
    run = small_run(data)
    training, batches = Training(run, Implementation(), CPU), Batches(run, data, CPU)
    training.seconds = 100.0
    events: list[dict[str, Any]] = []
    checkpoints = Checkpoints(tmp_path)
    reporter = Reporter(training, events.append, checkpoints, None, 2.0, 5.0, lambda: device[0])
    kinds = []
    for _ in range(6):
        training.take_step(batches.at(training.step))
        now[0], device[0] = now[0] + 1.0, device[0] + 0.25
        reporter.after_step()
        kinds.append([event["kind"] for event in events])
        events.clear()
        if kinds[-1] == ["progress"] and training.step == 2:
            assert training.seconds == 100.5, "by the clock that it was given"
    assert kinds == [[], ["progress"], [], ["progress"], ["checkpoint"], ["progress"]]
    assert [path.name for path in checkpoints.files()] == ["step-000000005.ckpt"]
    assert silent({"kind": "end"}) is None


def test_speed_counts_tokens_by_the_clock_on_the_wall(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(reporting.time, "perf_counter", lambda: now[0])
    run = small_run(data)
    training, batches = Training(run, Implementation(), CPU), Batches(run, data, CPU)
    events: list[dict[str, Any]] = []
    reporter = Reporter(training, events.append, None, None, 1.0, 1.0, lambda: now[0] / 8)
    for _ in range(2):
        training.take_step(batches.at(training.step))
    now[0] = 4.0
    reporter.after_step()
    (progress,) = events
    assert progress["tokens_per_second"] == 2 * run.train.batch * run.model.context / 4
    assert (progress["seconds"], progress["step"]) == (0.5, 2)

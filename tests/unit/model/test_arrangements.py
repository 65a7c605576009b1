"""Arrangements of runs on a device, timed by real processes on a CPU."""

from __future__ import annotations

import dataclasses
import io
import json

import pytest

from model import arrangements
from model.arrangements import Arranged, Bench, Task, arranged
from model.config import ModelConfig, RunConfig, TrainConfig
from tests.unit.model.model_data import CPU, SHAPE

RUN = RunConfig(SHAPE, TrainConfig(2, 2, 1e-3), dataset="")
TASK = Task(SHAPE, 2, "fp32", "adamw", stacked=0, part=0.5)


@dataclasses.dataclass
class Simulated:
    """A device whose seconds of a step are known, by processes and runs of a stack; None does not fit."""

    seconds: dict[tuple[int, int], float | None]
    asked: list[tuple[int, int]] = dataclasses.field(default_factory=list)

    def time(self, run: RunConfig, processes: int, stacked: int) -> Arranged | None:
        self.asked.append((processes, stacked))
        seconds = self.seconds.get((processes, stacked))
        return None if seconds is None else Arranged(processes, stacked, seconds)


def measured(device: Simulated, run: RunConfig = RUN) -> list[tuple[int, int]]:
    found = arrangements._of_shape(device, run, (2, 4))  # type: ignore[arg-type]
    return [(each.processes, each.stacked) for each in found]


def test_stacks_are_timed_in_one_process_and_the_faster_lone_run_in_several() -> None:
    single, stacks = {(1, 0): 0.1, (1, 1): 0.05}, {(1, 4): 0.03, (1, 16): None}
    graphs = Simulated({**single, **stacks, (2, 1): 0.04, (4, 1): 0.02})
    assert measured(graphs) == [(1, 0), (1, 1), (1, 4), (2, 1), (4, 1)]
    assert graphs.asked == [(1, 0), (1, 1), (1, 4), (1, 16), (2, 1), (4, 1)]
    plain = Simulated({**single, (1, 1): 0.2, (2, 0): 0.04, (4, 0): None})
    assert measured(plain) == [(1, 0), (1, 1), (2, 0)]


def test_what_cannot_be_stacked_is_timed_side_by_side_alone() -> None:
    muon = dataclasses.replace(RUN, train=dataclasses.replace(RUN.train, optimizer="muon"))
    device = Simulated({(1, 0): 0.1, (2, 0): 0.1, (4, 0): 0.1})
    assert measured(device, muon) == device.asked == [(1, 0), (2, 0), (4, 0)]


@pytest.mark.parametrize(("seconds", "found"), [(0.51, [(1, 0)]), (None, [])])
def test_a_run_that_fills_the_device_or_does_not_fit_is_timed_alone(
    seconds: float | None, found: list[tuple[int, int]]
) -> None:
    device = Simulated({(1, 0): seconds, (2, 0): 0.1})
    assert measured(device) == found and device.asked == [(1, 0)]


def answers(task: Task, then: str) -> list[object]:
    said: list[object] = []
    arrangements._seconds(task, CPU, io.StringIO(then), said.append)
    return said


def test_a_task_is_told_in_a_line() -> None:
    task = dataclasses.replace(TASK, model=dataclasses.replace(SHAPE, experts=4), optimizer="muon")
    line = task.to_json()
    assert Task.from_json(line) == task and "\n" not in line


def test_a_process_says_whether_a_task_fits_and_times_it_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrangements, "SECONDS", 0.01)
    ready, seconds = answers(TASK, "true\n")
    assert ready is True and isinstance(seconds, float) and 0 < seconds < 1
    assert answers(dataclasses.replace(TASK, stacked=3), "false\n") == [True], "another process could not"
    monkeypatch.setattr(arrangements, "step_of", lambda *_: None)
    assert answers(TASK, "") == [False]

    def out_of_memory() -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(arrangements, "step_of", lambda *_: out_of_memory)
    assert answers(TASK, "") == [False]


@pytest.mark.slow
def test_real_processes_take_steps_side_by_side() -> None:
    """Two on a CPU, over two shapes; that they train at the same time, both need their time for it."""
    mixed = ModelConfig(64, 32, 32, 2, 2, 64, experts=2)
    dense, experts = arranged([(SHAPE, 2), (mixed, 4)], "cpu", processes=(2,))
    assert [(each.processes, each.stacked) for each in dense][:4] == [(1, 0), (1, 1), (1, 4), (1, 16)]
    assert dense[4].processes == 2 and [(each.processes, each.stacked) for each in experts] == [(1, 0), (2, 0)]
    assert all(0 < each.step_seconds < 1 for each in (*dense, *experts))


@pytest.mark.slow
def test_a_process_that_dies_makes_no_arrangement() -> None:
    with Bench("cpu", 2) as bench:
        assert bench.time(RUN, 3, 0) is None, "there are two"
        bench._processes[1].kill()
        bench._processes[1].wait()
        assert bench.time(RUN, 2, 0) is None
        alone = bench.time(RUN, 1, 0)
    assert alone is not None and json.dumps(dataclasses.asdict(alone))
    assert [process.poll() is None for process in bench._processes] == [False, False]

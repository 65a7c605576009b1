"""Seconds of runs on a machine: measured once, interpolated in size, corrected."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model.config import ModelConfig, RunConfig, TrainConfig
from model.flops import count_parameters, flops_per_token
from orchestrator.scheduling import speed
from orchestrator.scheduling.durations import Durations
from orchestrator.scheduling.speed import (
    CalibrationError,
    RateModel,
    SpeedModel,
    Way,
    calibrate,
    gpu_memory,
    machine_key,
    rates_of,
)
from orchestrator.store import Store
from tests.unit.orchestrator.scheduling.rates import rates_at
from tests.unit.orchestrator.scheduling.test_durations import done
from tests.unit.orchestrator.store_fixtures import open_store

TRAIN = TrainConfig(sequences=80, batch=8, lr=0.01)


def run_of(width: int) -> RunConfig:
    return RunConfig(ModelConfig(vocab=64, context=32, d_model=width, n_layers=2, n_heads=2, d_ff=32), TRAIN, "data")


RUNS = [run_of(width) for width in (64, 16, 32, 48, 16)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


def test_rates_are_linear_in_logarithms_between_points_and_flat_beyond() -> None:
    model = RateModel(((1e4, 1e9), (1e6, 4e9)))
    assert [model.rate(n) for n in (1.0, 1e4, 1e6, 1e9)] == [1e9, 1e9, 4e9, 4e9]
    assert model.rate(1e5) == pytest.approx(2e9)


def test_seconds_are_tokens_by_flops_over_the_rate() -> None:
    model = RUNS[0].model
    flops = 80 * 32 * flops_per_token(model)
    assert RateModel(((1e4, 1e6),)).seconds(model, TRAIN) == pytest.approx(flops / 1e6)


def test_a_speed_model_corrects_and_gives_the_calibration_back() -> None:
    model = RUNS[0].model
    rates, learned = rates_at((1e4, 1e6), gpu_memory=80), Durations.of([done(1e5, 3.0)] * 50)
    corrected = SpeedModel(rates, learned)
    assert corrected.seconds(model, TRAIN) == pytest.approx(3 * rates.seconds(model, TRAIN), rel=0.01)
    params = count_parameters(model).matmul
    assert corrected.calibrated(corrected.seconds(model, TRAIN), params) == pytest.approx(rates.seconds(model, TRAIN))
    assert corrected.gpu_memory == 80


def test_three_shapes_are_measured_once_for_each_machine(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[dict[str, Any]] = []

    def measure(request: dict[str, Any]) -> dict[str, Any]:
        requests.append(request)
        return {"step_seconds": [0.5, 0.25, 0.125][: len(request["shapes"])]}

    monkeypatch.setattr(speed, "_measure", measure)
    (measured,) = calibrate(store, RUNS, "cpu").ways.values()
    assert [shape["model"]["d_model"] for shape in requests[0]["shapes"]] == [16, 48, 64]
    assert requests[0]["device"] == "cpu" and requests[0]["shapes"][0]["batch"] == 8
    assert [n for n, _ in measured.points] == [count_parameters(run_of(w).model).matmul for w in (16, 48, 64)]
    step = 8 * 32 * flops_per_token(run_of(48).model)
    assert measured.points[1][1] == pytest.approx(step / 0.25)
    assert list(calibrate(store, RUNS, "cpu").ways.values()) == [measured] and len(requests) == 1
    calibrate(store, RUNS[:2], "cpu")
    assert len(requests) == 2, "other shapes are another measurement"
    monkeypatch.setattr(speed, "machine_key", lambda _device: "another machine")
    calibrate(store, RUNS, "cpu")
    assert len(requests) == 3


def test_muon_is_measured_with_its_own_steps(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """And AdamW's measurements keep their names: nothing that has its default is in a request."""
    requests: list[dict[str, Any]] = []
    monkeypatch.setattr(speed, "_measure", lambda request: requests.append(request) or {"step_seconds": [0.5] * 3})
    calibrate(store, RUNS, "cpu")
    calibrate(store, [replace(run, train=replace(TRAIN, optimizer="muon")) for run in RUNS], "cpu")
    assert [request.get("optimizer") for request in requests] == [None, "muon"]
    assert not {"kv_heads", "window"} & set(requests[0]["shapes"][0]["model"])


def test_each_way_to_compute_a_run_is_measured(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Experts and the plain model in one process, each optimizer in its own; a run is predicted by its own way."""
    requests: list[dict[str, Any]] = []

    def measure(request: dict[str, Any]) -> dict[str, Any]:
        requests.append(request)
        slow = 3 if request.get("optimizer") == "muon" else 1
        seconds = [slow * (5.0 if shape["model"].get("experts", 1) > 1 else 1.0) for shape in request["shapes"]]
        return {"step_seconds": seconds}

    monkeypatch.setattr(speed, "_measure", measure)
    mixed = [replace(run, model=replace(run.model, experts=4)) for run in RUNS]
    muon = [replace(run, train=replace(TRAIN, optimizer="muon")) for run in RUNS]
    rates = calibrate(store, [*RUNS, *mixed, *muon], "cpu")
    assert [len(request["shapes"]) for request in requests] == [6, 3]
    seconds = [rates.seconds(run.model, run.train) for run in (RUNS[0], mixed[0], muon[0])]
    assert seconds == pytest.approx([10, 50, 30])
    unknown = replace(muon[0], train=replace(TRAIN, numerics="bf16"))
    assert rates.seconds(unknown.model, unknown.train) == pytest.approx(10), "as the first"


STACKED = [(1, 0, 0.4), (1, 1, 0.2), (1, 4, 0.1), (1, 16, 0.05), (2, 1, 0.15), (4, 1, 0.02)]


def test_on_a_gpu_stacks_and_shares_are_measured_once_and_predicted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simulated GPU on which four processes side by side are the fastest, and then a stack of 16."""
    requests: list[dict[str, Any]] = []

    def measure(request: dict[str, Any]) -> dict[str, Any]:
        requests.append(request)
        rows = [{"processes": p, "stacked": k, "step_seconds": s} for p, k, s in STACKED]
        return {"step_seconds": [0.4] * 3, "arrangements": [rows] * 3}

    monkeypatch.setattr(speed, "_measure", measure)
    rates = calibrate(store, RUNS, "cuda")
    assert requests[0]["arrangements"] is True
    steps, (model, train) = RUNS[1].train.steps, (RUNS[1].model, RUNS[1].train)
    assert (rates.seconds(model, train), rates.processes(model, train)) == (pytest.approx(steps * 0.02), 4)
    one = replace(rates, beside=False)
    seconds = [one.seconds(model, train, mates) for mates in (1, 4, 16, 99)]
    assert seconds == pytest.approx([steps * each for each in (0.2, 0.1, 0.05, 0.05)])
    assert one.processes(model, train, 16) == 1
    assert replace(one, stacked=1).seconds(model, train, 16) == pytest.approx(steps * 0.2), "stacks are switched off"
    assert steps * 0.05 < one.seconds(model, train, 8) < steps * 0.1, "between those that were measured"
    assert speed.workers_of_a_gpu(store, "cuda") == 4 and speed.workers_of_a_gpu(store, "cpu") == 1
    assert calibrate(store, RUNS, "cuda") == rates and len(requests) == 1
    corrected = SpeedModel(one, Durations.of([done(1e5, 3.0)] * 50))
    assert corrected.seconds(model, train, 4) == pytest.approx(3 * steps * 0.1, rel=0.01)
    assert SpeedModel(rates, Durations()).processes(model, train, 4) == 4
    muon = replace(train, optimizer="muon")
    assert rates.seconds(model, muon) == pytest.approx(steps * 0.4) and rates.processes(model, muon) == 1


def test_what_two_measurements_know_of_arrangements_is_joined(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(request: dict[str, Any]) -> dict[str, Any]:
        count = len(request["shapes"])
        rows = [{"processes": 1, "stacked": 0, "step_seconds": 1.0 / count}]
        return {"step_seconds": [1.0] * count, "arrangements": [rows] * count}

    monkeypatch.setattr(speed, "_measure", measure)
    few, more = calibrate(store, RUNS[:1], "cuda"), calibrate(store, RUNS[1:3], "cuda")
    ((_, joined),) = few.joined(more).arranged.items()
    ((_, points),) = joined.rates.items()
    assert [n for n, _ in points] == [count_parameters(run_of(width).model).matmul for width in (16, 32, 64)]


def test_a_way_is_what_a_step_s_time_depends_on_beside_n() -> None:
    run = RUNS[0]
    plain = Way.of(run.model, run.train)
    assert plain == Way("adamw", "fp32", 1, 1, plain=True) == Way.of(RUNS[1].model, TRAIN)
    assert Way.of(replace(run.model, mlp="relu2"), TRAIN) == replace(plain, plain=False)


def test_equal_sizes_come_by_batch_so_that_each_process_asks_for_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[dict[str, Any]] = []

    def measure(request: dict[str, Any]) -> dict[str, Any]:
        requests.append(request)
        return {"step_seconds": [0.5, 0.25, 0.125]}

    monkeypatch.setattr(speed, "_measure", measure)
    runs = [replace(RUNS[0], train=replace(TRAIN, batch=batch)) for batch in range(1, 12)]
    calibrate(store, runs, "cpu")
    assert [shape["batch"] for shape in requests[0]["shapes"]] == [1, 6, 11]


def test_a_calibration_that_fails_shows_the_end_of_its_output(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_options: Any) -> Any:
        return subprocess.CompletedProcess([], 1, "", "x" * 600 + "the reason")

    monkeypatch.setattr(speed.subprocess, "run", fail)
    with pytest.raises(CalibrationError, match=r"calibration failed: x+the reason") as failed:
        speed._measure({"shapes": []})
    assert len(str(failed.value)) == len("the calibration failed: ") + 600

    def hang(*_args: Any, **_options: Any) -> Any:
        raise subprocess.TimeoutExpired("calibrate", 1)

    monkeypatch.setattr(speed.subprocess, "run", hang)
    for shapes, limit in ((1, 180), (9, 540)):
        with pytest.raises(CalibrationError, match=f"did not end within {limit} s"):
            speed._measure({"shapes": [{}] * shapes})
    with pytest.raises(CalibrationError, match="did not end within 540 s"):
        speed._measure({"shapes": [{}], "arrangements": True})


def test_a_device_that_is_not_at_hand_is_known_at_the_sizes_of_the_runs() -> None:
    known = RateModel(((1e3, 1e6), (1e6, 8e6)), 80)
    device = rates_at(*known.points, gpu_memory=80)
    rates = rates_of(device, RUNS)
    assert rates.gpu_memory == 80
    ((points),) = (one.points for one in rates.ways.values())
    assert len(points) == 4 and list(points) == sorted(points)
    assert all(rate == pytest.approx(known.rate(n)) for n, rate in points)


def test_a_machine_is_known_by_its_device_too(monkeypatch: pytest.MonkeyPatch) -> None:
    key = machine_key("cpu")
    assert key == machine_key("cpu") and len(key) == 16
    monkeypatch.setattr(speed, "kind_name", lambda device: "another")
    assert machine_key("cpu") != key


def test_the_smallest_gpu_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "gpus", lambda: [("A", 80), ("B", 40), ("C", None)])
    assert (gpu_memory("cuda"), gpu_memory("cpu")) == (40, None)
    monkeypatch.setattr(speed, "gpus", list)
    assert gpu_memory("cuda") is None

"""This machine's calibration, measured once, and the predicted seconds of a run that follow from it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from model.config import ModelConfig, RunConfig, TrainConfig
from model.cpu.architecture import covers
from model.flops import count_parameters, flops_per_token
from model.hardware import gpus, kind_name
from model.values import plain_json
from orchestrator.cluster.worker import WORKER_ENVIRONMENT
from orchestrator.scheduling.arrangements import (
    Arrangements,
    Chosen,
    Points,
    arrangements_of,
    interpolated,
    workers_worth,
)
from orchestrator.scheduling.durations import Durations
from orchestrator.scheduling.stacks import STACKED
from orchestrator.store import Store
from sweeps.plan.cost import CostModel
from tokenizer.errors import ExpectedError

CALIBRATION_SECONDS = 60
"""Time limit of the calibration process for each shape; three take 8 s on an idle machine."""

ARRANGEMENTS_SECONDS = 180
"""The same where arrangements are timed, too: the six steps of each take 84 s if one of a run alone takes 0.5 s."""


class CalibrationError(ExpectedError, RuntimeError):
    """The calibration process failed; the message has the end of its output."""

    kind = "calibration"


@dataclass(frozen=True, slots=True)
class Way:
    """What the rate of a step depends on beside N: models of one N may differ by a factor of five."""

    optimizer: str
    """adamw | muon."""
    numerics: str
    """Numerics profile."""
    experts: int
    """MLPs of each block."""
    active: int
    """Those that a token goes through."""
    plain: bool
    """Whether the native kernels of a CPU can compute it."""

    @classmethod
    def of(cls, model: ModelConfig, train: TrainConfig) -> Way:
        """How runs like this one are computed."""
        numerics = train.numerics
        return cls(train.optimizer, numerics, model.experts, model.active, covers(model, numerics))


@dataclass(frozen=True, slots=True)
class RateModel:
    """Training FLOP/s as a function of N, between measured points; flat beyond them."""

    points: Points
    """(N, FLOP/s), ascending in N."""
    gpu_memory: int | None = None
    """Bytes of the GPU's memory; None on a CPU."""

    def rate(self, params: float) -> float:
        """FLOP/s at N parameters: linear in log-log between the neighbouring points."""
        return interpolated(self.points, params)

    def seconds(self, model: ModelConfig, train: TrainConfig) -> float:
        """Predicted training seconds of a run, evaluation not included."""
        return _flops(model, train) / self.rate(count_parameters(model).matmul)


def _flops(model: ModelConfig, train: TrainConfig) -> float:
    """Training FLOPs of a run."""
    return float(train.sequences * model.context * flops_per_token(model))


@dataclass(frozen=True, slots=True)
class Rates:
    """The rate models of runs that are computed in different ways: a `CostModel`."""

    ways: Mapping[Way, RateModel]
    """By way, those of the first run first; at least one."""
    arranged: Mapping[Way, Arrangements] = field(default_factory=dict)
    """What was measured of stacks and of processes side by side, by way; nothing on a CPU."""
    stacked: int = STACKED
    """Most runs that a device gets as a stack."""
    beside: bool = True
    """Whether a device may have as many workers as are measured to be the fastest."""

    @property
    def gpu_memory(self) -> int | None:
        """Bytes of the GPU's memory; None on a CPU."""
        return next(iter(self.ways.values())).gpu_memory

    def seconds(self, model: ModelConfig, train: TrainConfig, mates: int = 1) -> float:
        """Predicted training seconds of a device that a run takes, in the fastest arrangement of `mates` like it.

        A way that was not measured is taken for the first, and for one run at a time.
        """
        chosen = self._chosen(model, train, mates)
        if chosen is not None:
            return _flops(model, train) / chosen.rate
        first = next(iter(self.ways.values()))
        return self.ways.get(Way.of(model, train), first).seconds(model, train)

    def processes(self, model: ModelConfig, train: TrainConfig, mates: int = 1) -> int:
        """Runs like it that a device trains side by side, each in a process of its own."""
        chosen = self._chosen(model, train, mates)
        return 1 if chosen is None else chosen.processes

    def _chosen(self, model: ModelConfig, train: TrainConfig, mates: int) -> Chosen | None:
        """The fastest arrangement of a run; None where none was measured."""
        known = self.arranged.get(Way.of(model, train))
        if known is None:
            return None
        return known.choose(count_parameters(model).matmul, min(mates, self.stacked), beside=self.beside)

    def joined(self, other: Rates) -> Rates:
        """With what another has measured; of a size that both have, the other's."""
        ways = dict(self.ways)
        for way, rates in other.ways.items():
            points = dict(ways[way].points if way in ways else ()) | dict(rates.points)
            ways[way] = RateModel(tuple(sorted(points.items())), rates.gpu_memory)
        arranged = dict(self.arranged)
        for way, known in other.arranged.items():
            arranged[way] = arranged[way].joined(known) if way in arranged else known
        return replace(self, ways=ways, arranged=arranged)


@dataclass(frozen=True, slots=True)
class SpeedModel:
    """Predicts a plan's seconds and memory: a `CostModel` that can also say what the calibration alone predicts."""

    rates: Rates
    """As calibrated."""
    learned: Durations
    """What finished runs on such a device took."""

    @property
    def gpu_memory(self) -> int | None:
        """Bytes of the GPU's memory; None on a CPU."""
        return self.rates.gpu_memory

    def seconds(self, model: ModelConfig, train: TrainConfig, mates: int = 1) -> float:
        """Predicted training seconds of a device that a run takes, one of `mates` on it; evaluation not included."""
        return self.rates.seconds(model, train, mates) * self.learned.correction(count_parameters(model).matmul)

    def processes(self, model: ModelConfig, train: TrainConfig, mates: int = 1) -> int:
        """Runs like it that a device trains side by side, each in a process of its own."""
        return self.rates.processes(model, train, mates)

    def calibrated(self, seconds: float, params: float) -> float:
        """Predicted seconds of a run of N parameters without the correction, which later runs will correct anew."""
        return seconds / self.learned.correction(params)


def machine_key(device: str) -> str:
    """Identity of a machine for stored measurements: processor, core count, device and Python."""
    facts = [kind_name(device), os.cpu_count(), device, sys.version_info[:2]]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def calibrate(store: Store, runs: Sequence[RunConfig], device: str) -> Rates:
    """The rates by a short measurement of the smallest, a middle and the largest shape of each way to compute the runs.

    The measurement is made once for each machine and set of shapes, in a process of its own with a worker's
    environment, so that planning never loads torch. On a GPU it is of stacks and of processes side by side, too.

    Raises CalibrationError.
    """
    found: dict[Way, RateModel] = {}
    arranged: dict[Way, Arrangements] = {}
    for optimizer, numerics in dict.fromkeys((run.train.optimizer, run.train.numerics) for run in runs):
        alike = [run for run in runs if (run.train.optimizer, run.train.numerics) == (optimizer, numerics)]
        shapes = {way: _three(some) for way, some in _by_way(alike).items()}
        request: dict[str, Any] = {
            "device": device,
            "numerics": numerics,
            "shapes": [{"model": plain_json(m), "batch": b} for some in shapes.values() for m, b in some],
        }
        if optimizer != "adamw":
            request["optimizer"] = optimizer
        if device != "cpu":
            request["arrangements"] = True
        answer = _measured(store, request, device)
        seconds, rows = iter(answer["step_seconds"]), iter(answer.get("arrangements", ()))
        for way, some in shapes.items():
            steps = [(float(count_parameters(m).matmul), float(flops_per_token(m) * b * m.context)) for m, b in some]
            found[way] = RateModel(tuple((n, flops / next(seconds)) for n, flops in steps), gpu_memory(device))
            arranged[way] = arrangements_of((n, flops, next(rows, ())) for n, flops in steps)
    return Rates(found, arranged)


def workers_of_a_gpu(store: Store, device: str) -> int:
    """Workers that a GPU of this machine should have, by all that was measured of it: 1 unless processes side by side
    are the fastest arrangement of some shape."""
    return workers_worth(store.calibrations(machine_key(device)))


def _by_way(runs: Iterable[RunConfig]) -> dict[Way, list[RunConfig]]:
    """The runs by the way in which they are computed, in the order of the first of each."""
    found: dict[Way, list[RunConfig]] = {}
    for run in runs:
        found.setdefault(Way.of(run.model, run.train), []).append(run)
    return found


def _three(runs: Iterable[RunConfig]) -> list[tuple[ModelConfig, int]]:
    """The smallest, a middle and the largest shape, each with the sequences of a batch."""
    # By batch, too: equal sizes in the order of a set would be another key, and measured again, in the next process.
    ordered = sorted({(r.model, r.train.batch) for r in runs}, key=lambda s: (count_parameters(s[0]).matmul, s[1]))
    return [ordered[i] for i in sorted({0, len(ordered) // 2, len(ordered) - 1})]


def _measured(store: Store, request: dict[str, Any], device: str) -> dict[str, Any]:
    """The answer to a request: as stored for this machine, or measured and stored now."""
    key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:16]
    data = store.calibration(machine_key(device), key)
    if data is None:
        data = _measure(request)
        store.save_calibration(machine_key(device), key, data)
    return data


def gpu_memory(device: str) -> int | None:
    """Bytes of the smallest of this machine's GPUs; None for a CPU."""
    return min((memory for _, memory in gpus() if memory), default=None) if device != "cpu" else None


def _measure(request: dict[str, Any]) -> dict[str, Any]:
    """The answer of `model.calibrate` to a request, both as JSON. Raises CalibrationError."""
    root = str(Path(__file__).resolve().parents[2])
    each = ARRANGEMENTS_SECONDS if request.get("arrangements") else CALIBRATION_SECONDS
    limit = each * max(3, len(request["shapes"]))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "model.calibrate"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
            cwd=root,
            env=os.environ | WORKER_ENVIRONMENT,
        )
    except subprocess.TimeoutExpired as error:
        raise CalibrationError(f"the calibration did not end within {limit} s") from error
    if done.returncode != 0:
        raise CalibrationError(f"the calibration failed: {done.stderr.strip()[-600:]}")
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def rates_of(cost: CostModel, runs: Sequence[RunConfig]) -> Rates:
    """The rates of a device that is not at hand, by a cost model that knows it, at the sizes of the given runs."""
    found = {}
    for way, some in _by_way(runs).items():
        points = {}
        for run in some:
            seconds = cost.seconds(run.model, run.train)
            if seconds:
                points[float(count_parameters(run.model).matmul)] = run.tokens * flops_per_token(run.model) / seconds
        found[way] = RateModel(tuple(sorted(points.items())), cost.gpu_memory)
    return Rates(found)

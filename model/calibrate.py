"""What this machine can do: the measured matrix-product peak, and the time of a training step by shape.

`python -m model.calibrate` reads {"device": "cpu", "shapes": [{"model": {…}, "batch": 8}, …]} on stdin and prints the
Calibration as JSON, so that whoever plans need not load torch.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from model.config import ModelConfig, RunConfig, TrainConfig
from model.device import autocast, device_name, keep_freed_memory, torch_settings
from model.evaluate import evaluation_batch
from model.implementation import choose_implementation
from model.peak import matmul_peak, times
from model.training import Training

SHAPE_SECONDS = 0.8
"""Time spent on the steps of one shape, beside two steps of warm-up."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Measurements of one machine with one numerics profile; the lists follow the shapes that were asked for."""

    device: str
    """Kind of device: cpu | cuda."""
    device_name: str
    """The processor's or the GPU's model."""
    torch: str
    """Version of torch."""
    threads: int
    """CPU threads used."""
    numerics: str
    """Numerics profile."""
    matmul_flops: float
    """Highest rate of a large square matrix product in this profile, FLOP/s."""
    step_seconds: list[float]
    """Median time of one optimizer step of each shape."""
    evaluation_token_seconds: list[float]
    """Time to score one validation token with each shape."""
    implementations: list[dict[str, Any]]
    """How each shape was computed."""


def measure(shapes: Sequence[tuple[ModelConfig, int]], device: str = "cpu", numerics: str = "fp32") -> Calibration:
    """Time each (shape, sequences of a batch) on `device`: about SHAPE_SECONDS and a second more each."""
    keep_freed_memory()
    where = torch.device(device)
    steps, scores, implementations = [], [], []
    with torch_settings(threads=1):
        peak = matmul_peak(device, numerics)
        for model, batch in shapes:
            training = _training(model, batch, where, numerics)
            steps.append(_step_seconds(training, batch))
            scores.append(_evaluation_seconds(training))
            implementations.append(training.implementation.to_dict())
    return Calibration(
        device=where.type,
        device_name=device_name(where),
        torch=torch.__version__,
        threads=1,
        numerics=numerics,
        matmul_flops=peak,
        step_seconds=steps,
        evaluation_token_seconds=scores,
        implementations=implementations,
    )


def _training(model: ModelConfig, batch: int, device: torch.device, numerics: str) -> Training:
    train = TrainConfig(sequences=batch * 10**6, batch=batch, lr=1e-4, numerics=numerics)
    run = RunConfig(model, train, dataset="")
    short = dataclasses.replace(train, sequences=batch)  # which compilation would not repay
    return Training(run, choose_implementation(model, short, device.type), device)


def _step_seconds(training: Training, batch: int) -> float:
    generator = torch.Generator().manual_seed(0)
    model = training.run.model
    sequences = torch.randint(model.vocab, (batch, model.context + 1), generator=generator).to(training.device)
    return statistics.median(times(lambda: training.take_step(sequences), training.device, SHAPE_SECONDS))


def _evaluation_seconds(training: Training) -> float:
    model, device = training.run.model, training.device
    sequences = torch.zeros(evaluation_batch(model.context, device), model.context + 1, dtype=torch.int64)
    sequences = sequences.to(device)

    @torch.inference_mode()
    def score() -> None:
        with autocast(device, training.run.train.numerics):
            training.model.loss(sequences[:, :-1], sequences[:, 1:])

    return statistics.median(times(score, device, SHAPE_SECONDS / 4)) / (len(sequences) * model.context)


def main() -> None:
    """Answer one request from stdin on stdout."""
    request = json.load(sys.stdin)
    shapes = [(ModelConfig(**shape["model"]), int(shape["batch"])) for shape in request["shapes"]]
    calibration = measure(shapes, request.get("device", "cpu"), request.get("numerics", "fp32"))
    sys.stdout.write(json.dumps(dataclasses.asdict(calibration)) + "\n")


if __name__ == "__main__":
    main()

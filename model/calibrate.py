"""Measures this machine: its peak rate of matrix products, and the time of a training step by shape.

`python -m model.calibrate` reads {"device": "cpu", "shapes": [{"model": {…}, "batch": 8}, …]} from stdin and prints the
Calibration as JSON, so that planning need not load torch. With "arrangements": true it times stacks, too, and processes
side by side.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from model.arrangements import Arranged, arranged
from model.config import ModelConfig, RunConfig, TrainConfig
from model.device import autocast, device_name, keep_freed_memory, torch_settings
from model.evaluate import evaluation_batch
from model.implementation import Implementation, choose_implementation
from model.peak import matmul_peak
from model.timing import for_timing, times
from model.training import Training

SHAPE_SECONDS = 0.8
"""Seconds spent on the steps of one shape, without its steps of warm-up."""
SCORING_SECONDS = SHAPE_SECONDS / 4
"""Seconds spent on the scoring of one shape."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Measurements of one machine under one numerics profile; sequences are in the order of the requested shapes."""

    device: str
    """Kind of device: cpu | cuda."""
    device_name: str
    """The processor's or the GPU's model."""
    torch: str
    """Version of torch."""
    threads: int
    """CPU threads of torch."""
    numerics: str
    """Numerics profile."""
    matmul_flops: float
    """Highest rate of a large square matrix product in this profile, FLOP/s."""
    step_seconds: tuple[float, ...]
    """Median seconds of one optimizer step of each shape."""
    evaluation_token_seconds: tuple[float, ...]
    """Seconds to score one validation token with each shape."""
    implementations: tuple[Implementation, ...]
    """How each shape was computed."""
    arrangements: tuple[tuple[Arranged, ...], ...] = ()
    """How fast the device trains runs of each shape by themselves, stacked and side by side; empty if not asked for."""


def measure(
    shapes: Sequence[tuple[ModelConfig, int]], device: str = "cpu", numerics: str = "fp32", optimizer: str = "adamw"
) -> Calibration:
    """Time each (shape, sequences of a batch) on `device`: about a second more than SHAPE_SECONDS each."""
    keep_freed_memory()
    torch_device = torch.device(device)
    steps, scores, implementations = [], [], []
    with torch_settings(threads=1):
        peak = matmul_peak(device, numerics)
        for model, batch in shapes:
            training = _training(model, batch, torch_device, numerics, optimizer)
            steps.append(_step_seconds(training, batch))
            scores.append(_evaluation_seconds(training))
            implementations.append(training.implementation)
    return Calibration(
        device=torch_device.type,
        device_name=device_name(torch_device),
        torch=torch.__version__,
        threads=1,
        numerics=numerics,
        matmul_flops=peak,
        step_seconds=tuple(steps),
        evaluation_token_seconds=tuple(scores),
        implementations=tuple(implementations),
    )


def _training(model: ModelConfig, batch: int, device: torch.device, numerics: str, optimizer: str) -> Training:
    """A model of a shape, ready to be timed, as a short run would compute it: without compilation."""
    train = TrainConfig(sequences=batch, batch=batch, lr=1e-4, numerics=numerics, optimizer=optimizer)
    implementation = choose_implementation(model, train, device.type)
    return Training(for_timing(RunConfig(model, train, dataset="")), implementation, device)


def _step_seconds(training: Training, batch: int) -> float:
    """Median seconds of an optimizer step."""
    generator = torch.Generator().manual_seed(0)
    model = training.run.model
    sequences = torch.randint(model.vocab, (batch, model.context + 1), generator=generator).to(training.device)
    return statistics.median(times(lambda: training.take_step(sequences), training.device, SHAPE_SECONDS))


def _evaluation_seconds(training: Training) -> float:
    """Median seconds to score one token."""
    model, device = training.run.model, training.device
    sequences = torch.zeros(evaluation_batch(model.context, device), model.context + 1, dtype=torch.int64)
    sequences = sequences.to(device)

    @torch.inference_mode()
    def score() -> None:
        """One forward pass of an evaluation."""
        with autocast(device, training.run.train.numerics):
            training.model.loss(sequences[:, :-1], sequences[:, 1:])

    return statistics.median(times(score, device, SCORING_SECONDS)) / (len(sequences) * model.context)


def main() -> None:
    """Answer one request on stdin with a Calibration on stdout."""
    request = json.load(sys.stdin)
    shapes = [(ModelConfig(**shape["model"]), int(shape["batch"])) for shape in request["shapes"]]
    options = {name: request[name] for name in ("device", "numerics", "optimizer") if name in request}
    calibration = measure(shapes, **options)
    if request.get("arrangements"):
        if calibration.device == "cuda":
            torch.cuda.empty_cache()  # what was timed here leaves the memory to the processes
        calibration = dataclasses.replace(calibration, arrangements=arranged(shapes, **options))
    sys.stdout.write(json.dumps(dataclasses.asdict(calibration)) + "\n")


if __name__ == "__main__":
    main()

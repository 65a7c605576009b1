"""What a plan asks of a device: how long its runs take, how they are best arranged, and how much memory it has."""

from __future__ import annotations

from typing import Protocol

from model.config import ModelConfig, TrainConfig


class CostModel(Protocol):
    """How long a run takes on the sweep's device."""

    @property
    def gpu_memory(self) -> int | None:
        """Bytes of the GPU's memory, or None on a CPU."""

    def seconds(self, model: ModelConfig, train: TrainConfig, mates: int = 1) -> float | None:
        """Seconds of a device that the run takes, or None where the device's speed is unknown.

        Of the plan each device has so many `mates`, runs that can be trained in one stack, this one among them.
        """

    def processes(self, model: ModelConfig, train: TrainConfig, mates: int = 1) -> int:
        """Runs like it that a device trains fastest side by side, each in its own process; 1 where not measured."""

"""What tests of plans share: a corpus, a device of steady speed, and a small sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model.config import ModelConfig, TrainConfig
from model.flops import flops_per_token
from sweeps.file.compose import load_sweep
from sweeps.file.spec import CentreSpec, SizesSpec, SweepSpec
from sweeps.plan.records import DataFacts, Plan

FACTS = DataFacts(dataset="d" * 64, vocab=1024, train_tokens=20_000_000, validation_tokens=200_000)
ROOT = Path(__file__).parents[3]


class Steady:
    """A device that does 1e10 FLOPs a second."""

    def __init__(self, gpu_memory: int | None = None) -> None:
        self.gpu_memory = gpu_memory

    def seconds(self, model: ModelConfig, train: TrainConfig, mates: int = 1) -> float | None:
        """FLOPs over the speed."""
        return train.sequences * model.context * flops_per_token(model) / 1e10

    def processes(self, model: ModelConfig, train: TrainConfig, mates: int = 1) -> int:
        """One at a time."""
        return 1


def facts(train_tokens: int) -> DataFacts:
    """A corpus of another size."""
    return DataFacts("d" * 64, 1024, train_tokens, 200_000)


def spec_of(**changes: Any) -> SweepSpec:
    """Three budgets of seven sizes."""
    base: dict[str, Any] = {
        "name": "t",
        "budgets": (1e11, 3e11, 1e12),
        "centre": CentreSpec(params_at={"3e11": 5e4}),
        "sizes": SizesSpec(span=3.0),
    }
    return SweepSpec(**(base | changes))


def packaged(name: str) -> SweepSpec:
    """A sweep of sweeps/conf."""
    return load_sweep(ROOT / f"sweeps/conf/{name}.yaml")


def sizes_at(plan: Plan, budget: float) -> list[int]:
    """The sizes that a plan has at a budget, ascending."""
    return sorted({run.params for run in plan.runs if run.budget == budget})

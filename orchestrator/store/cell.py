"""Cell: a run's place in a sweep's plan, stored with the sweep and the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from sweeps.plan.records import PlannedRun, RecipeTrial


@dataclass(frozen=True, slots=True)
class Cell:
    """The place of a run in a sweep's plan, and what was predicted of it when it was planned."""

    budget: float
    """Nominal training FLOPs."""
    size_id: str
    """Identity of its size across budgets."""
    seed: int
    """Seed."""
    recipe: str
    """Registry key of its recipe."""
    params: int
    """N: matmul parameters, head included, look-up not."""
    params_total: int
    """All parameters."""
    params_nonembedding: int
    """Parameters without embedding and head."""
    tokens: int
    """Training tokens D."""
    steps: int
    """Optimizer steps."""
    batch_tokens: int
    """Tokens of one step."""
    epochs: float
    """D over the unique training tokens."""
    shape: str
    """Such as `L4 d48 h2 ff128`."""
    vary: Mapping[str, Any]
    """Values of the sweep's axes."""
    shared: tuple[Mapping[str, Any], ...] = ()
    """Values of the axes of other combinations that the run is part of."""
    memory_bytes: int = 0
    """Bytes of a device's memory that it should have; 0 where that is not known."""
    kind: str = "auto"
    """Device that its sweep asks for: auto, cpu, cuda, or a key of DEVICES."""
    processes: int = 1
    """Runs like it that a GPU trains fastest side by side, each in a process of its own."""
    trunk: str | None = None
    """Identity of the constant-rate training that it shares or could share."""
    seconds_alone: float | None = None
    """Predicted seconds of the whole run, whatever a trunk takes off it."""
    predicted_seconds: float | None = None
    """Predicted seconds of a device for what it spends."""
    calibrated_seconds: float | None = None
    """The same by the calibration alone, without what finished runs have taught."""
    checks: tuple[RecipeTrial, ...] = ()
    """The run's parts in checks of the recipe."""

    @classmethod
    def of(cls, planned: PlannedRun, kind: str = "auto", calibrated_seconds: float | None = None) -> Cell:
        """The cell of a planned run, whose sweep asks for a `kind` of device."""
        common = {f.name: getattr(planned, f.name) for f in fields(cls) if hasattr(planned, f.name)}
        varied = {
            "vary": planned.vary.to_dict(),
            "shared": tuple(combination.to_dict() for combination in planned.shared),
        }
        return cls(
            **common | varied,
            kind=kind,
            predicted_seconds=planned.seconds,
            calibrated_seconds=calibrated_seconds,
        )

    @property
    def combinations(self) -> tuple[Mapping[str, Any], ...]:
        """Values of the axes of every combination that the run is part of."""
        return (self.vary, *self.shared)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self) | {"checks": [trial.to_dict() for trial in self.checks]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Cell:
        """The cell that `to_dict` wrote, or an earlier release: what that did not know has its default."""
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        return cls(
            **known
            | {
                "vary": dict(data.get("vary") or {}),
                "shared": tuple(dict(values) for values in data.get("shared") or ()),
                "checks": tuple(RecipeTrial.from_dict(trial) for trial in data.get("checks") or ()),
            }
        )

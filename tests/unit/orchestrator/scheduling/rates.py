"""Rates of a device on which all runs are computed in one way."""

from __future__ import annotations

from orchestrator.scheduling.speed import RateModel, Rates, Way

WAY = Way("adamw", "fp32", experts=1, active=1, plain=True)


def rates_at(*points: tuple[float, float], gpu_memory: int | None = None) -> Rates:
    """FLOP/s through points (N, FLOP/s)."""
    return Rates({WAY: RateModel(points, gpu_memory)})

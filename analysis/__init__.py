"""From runs to a law: `from analysis import fit, read_runs, predict, compare, plot`, loaded when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.notebook import compare, fit, plot, predict, read_runs

__all__ = ["compare", "fit", "plot", "predict", "read_runs"]


def __getattr__(name: str) -> Any:
    """The notebook's functions by name, imported on first use: a submodule alone loads none of them."""
    if name not in __all__:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    return getattr(import_module("analysis.notebook"), name)


def __dir__() -> list[str]:
    """What an editor offers after `analysis.`."""
    return sorted([*globals(), *__all__])

"""Which runs can be trained in one stack. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LARGEST = 2e7
"""N above which a run fills a GPU by itself, so that a stack gains nothing."""
LAUNCH_BOUND = 3e6
"""N below which a GPU waits for launches, so that rows of padding cost next to nothing."""


def stack_key(config: Mapping[str, Any], params: float) -> str:
    """Runs with equal keys can be trained in one stack; empty for a run that trains alone.

    They have one shape and one numerics profile, and batches of one size; below LAUNCH_BOUND, of sizes that differ by
    less than a factor of 2, the smaller ones with rows of padding. Budgets, seeds and rates may differ. `config` is a
    run's as `RunConfig.to_dict` gives it, `params` its N: a queue asks for a hundred thousand runs at a time.

    Raises KeyError or TypeError for a configuration that is none.
    """
    if params > LARGEST:
        return ""
    train = config["train"]
    batch: int = train["batch"]
    rows = 1 << (batch - 1).bit_length() if params < LAUNCH_BOUND else batch
    return f"{sorted(config['model'].items())} {train['numerics']} {rows}"

"""Which runs can be trained in one stack. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LARGEST = 2e7
"""N above which a run fills a GPU by itself, so that a stack gains nothing."""


def stack_key(config: Mapping[str, Any], params: float) -> str:
    """Runs with equal keys can be trained in one stack; empty for a run that trains alone.

    They train by AdamW, without experts, and have one shape, one numerics profile, and batches that differ by less than
    a factor of 2: how these step together, `model.choice` measures. Budgets, seeds and rates may differ. `config` is a
    run's as `RunConfig.to_dict` gives it, `params` its N: a queue asks for a hundred thousand runs at a time.

    Raises KeyError or TypeError for a configuration that is none.
    """
    train = config["train"]
    if params > LARGEST or train.get("optimizer", "adamw") != "adamw" or config["model"].get("experts", 1) > 1:
        return ""
    rows = 1 << (train["batch"] - 1).bit_length()
    return f"{sorted(config['model'].items())} {train['numerics']} {rows}"

"""Where runs branch off a trunk that they share, and the names of the states that it keeps there. Imports no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from model.config import Choice, RunConfig


def branch_points(runs: Iterable[RunConfig]) -> dict[str, tuple[int, ...]]:
    """For each trunk that several runs share, the steps at which one of them branches off, ascending."""
    points: dict[str, list[int]] = {}
    for run in set(runs):
        if run.trunk_id is not None:
            points.setdefault(run.trunk_id, []).append(run.train.branch_step)
    return {trunk: tuple(sorted(set(steps))) for trunk, steps in points.items() if len(steps) > 1}


def state_name(step: int, choice: Choice) -> str:
    """File name of a trunk's state after `step` steps, computed under one choice; names sort by step."""
    key = hashlib.sha256(json.dumps(choice, sort_keys=True).encode()).hexdigest()[:8]
    return f"branch-{step:09d}-{key}.ckpt"


def state_step(name: str) -> int | None:
    """The step in a name that `state_name` made; None for any other file name."""
    kind, _, rest = name.partition("-")
    step = rest.partition("-")[0]
    return int(step) if kind == "branch" and step.isdigit() and name.endswith(".ckpt") else None

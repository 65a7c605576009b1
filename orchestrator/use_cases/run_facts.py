"""One run: what is stored of it, its attempts, and its curve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from orchestrator.cluster.attempt_log import Event
from orchestrator.use_cases.control import find_run
from orchestrator.use_cases.workspace import Workspace

CURVE_QUANTITIES = (
    "step", "tokens", "flops", "seconds", "elapsed", "loss", "validation_loss", "lr", "gradient_norm",
    "tokens_per_second",
)  # fmt: skip
"""What a point of a curve may have."""


def run_json(workspace: Workspace, prefix: str) -> dict[str, Any]:
    """A run by the beginning of its id, with its configuration, result and attempts, for JSON. Raises NotFound."""
    run = find_run(workspace.store, prefix)
    left_out = ("role", "cell", "counted_from", "restarted", "alone")
    facts = {name: value for name, value in asdict(run).items() if name not in left_out}
    made = [asdict(each) for each in workspace.store.attempts_of(run.id)]
    attempts = [{k: v for k, v in each.items() if k not in ("run_id", "driver_id")} for each in made]
    return facts | {"flops_spent": run.flops_spent, "attempts": attempts}


def curve_json(workspace: Workspace, prefix: str) -> list[dict[str, Any]]:
    """The points of a run's training in the order of its tokens, for JSON. Raises NotFound.

    Steps that a later attempt took again are those of the later one.
    """
    run = find_run(workspace.store, prefix)
    points: list[dict[str, Any]] = []
    for attempt in workspace.store.attempts_of(run.id):
        if attempt.number <= run.restarted:
            continue
        made = list(_points_json(workspace.artifacts.events(run.id, attempt.number), attempt.number))
        if made:
            points = [point for point in points if point["tokens"] < made[0]["tokens"]] + made
    return points


def _points_json(events: list[Event], attempt: int) -> Iterator[dict[str, Any]]:
    """The points among the events of an attempt: those with tokens and a loss."""
    for event in events:
        if "tokens" in event and ("loss" in event or "validation_loss" in event):
            yield {"attempt": attempt, **{name: event[name] for name in CURVE_QUANTITIES if name in event}}

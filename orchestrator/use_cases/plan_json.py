"""Plans as JSON: what `isoflop plan -o json` prints, and what a service answers without submitting anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.use_cases.hours import Judged, judged
from orchestrator.use_cases.planning import Planned, Planning
from orchestrator.use_cases.received import plan_received
from orchestrator.use_cases.workspace import Workspace
from sweeps.plan.hours import hours_by_budget, wall_hours
from sweeps.plan.records import Plan
from sweeps.plan.repeats import repeats
from tokenizer.files import Reach


def received_json(workspace: Workspace, source: bytes, overrides: Sequence[str], within: Reach) -> dict[str, Any]:
    """The plan of a sweep that somebody sent, judged; raises what `plan_received` raises."""
    planned = plan_received(workspace, source, overrides, within)
    return judged_json(judged(Planning(workspace), planned, planned.cost))


def judged_json(judged: Judged) -> dict[str, Any]:
    """`isoflop plan -o json`: the verdict, the plan, the noise and the intervals to expect, and the hours."""
    plan = judged.planned.plan
    document = {"sweep": plan.spec.name, "verdict": judged.verdict.to_dict()} | plan_json(plan)
    document["noise"] = {"expected": asdict(judged.noise)} | document["noise"]
    document["expected"] = [one.to_dict() for one in judged.expected]
    if judged.planned.rounds:
        document["adaptive"] = adaptive_json(judged.planned)
    filled = judged.filled.to_dict() if judged.filled else None
    return document | {"hours": hours_json(judged.planned) | {"filled": filled}}


def adaptive_json(planned: Planned) -> dict[str, Any]:
    """What an adaptive sweep is for, and the course that its plan expects."""
    (first,) = planned.rounds
    return asdict(planned.spec.adaptive) | {
        "course": [
            {"spent": point.spent, "params_factor": point.precision.params_factor, "loss": point.precision.loss_half}
            for point in first.course
        ],
        "note": first.note or None,
    }


def plan_json(plan: Plan) -> dict[str, Any]:
    """A plan as JSON: its runs, dropped cells, repeats, warnings and totals."""
    most, kept = plan.trunk_bytes
    repeated = repeats(plan)
    return {
        "sweep": plan.spec.name,
        "runs": [run.to_dict() for run in plan.runs],
        "dropped": [cell.to_dict() for cell in plan.dropped],
        "recipe_check": {
            "runs": [run.to_dict() for run in plan.checks],
            "dropped": [cell.to_dict() for cell in plan.unchecked],
            "flops": sum(run.flops for run in plan.checks),
        },
        "noise": {
            "repeats": [asdict(cell) for cell in repeated.cells],
            "degrees_of_freedom": repeated.degrees_of_freedom,
            "sigma_interval": repeated.sigma_interval,
        },
        "warnings": plan.warnings,
        "totals": {
            "runs": len(plan.all_runs),
            "flops": plan.flops,
            "flops_spent": plan.flops_spent,
            "seconds": plan.seconds,
            "trunk_bytes": most,
            "trunk_bytes_kept": kept,
        },
    }


def hours_json(planned: Planned) -> dict[str, Any]:
    """Predicted hours of a plan, in all and by budget, and their assumptions."""
    rows = hours_by_budget(planned.plan)
    return {
        "device": planned.device_name,
        "devices": planned.workers,
        "budgets": [asdict(row) for row in rows],
        "device_hours": sum(row.device_hours for row in rows) if rows else None,
        "wall_hours": wall_hours(planned.plan, planned.workers),
        "notes": list(planned.notes),
    }

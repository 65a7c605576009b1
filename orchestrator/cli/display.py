"""What a person sees of a plan before it starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from analysis.wording import format_count, format_duration, format_factor, format_flops, format_hours, join_words
from orchestrator.cli.output import print_table, say
from orchestrator.use_cases.planning import Planned
from sweeps.plan.expected_width import Expected, KnownNoise
from sweeps.plan.hours import hours_by_budget, wall_hours
from sweeps.plan.records import Plan
from sweeps.plan.repeats import repeats


def show_plan(planned: Planned) -> None:
    """Print the plan: a row a run, dropped cells with reasons, warnings, totals."""
    plan = planned.plan
    rows = [
        {
            "budget": format_flops(r.budget),
            "N": format_count(r.params),
            "D": format_count(r.tokens),
            "shape": r.shape,
            "batch": r.batch_tokens,
            "lr": f"{r.run.train.lr:.3g}",
            "steps": r.steps,
            "FLOPs": f"{r.flops:.3e}",
            "epochs": f"{r.epochs:.2f}",
            "seed": r.seed,
            "time": _duration(r.seconds),
        }
        for r in plan.runs
    ]
    columns = ["budget", "N", "D", "shape", "batch", "lr", "steps", "FLOPs", "epochs", "seed", "time"]
    print_table(rows, columns, f"Plan of sweep {plan.spec.name}")
    if plan.dropped or plan.unchecked:
        dropped = [
            {"budget": format_flops(d.budget), "N": format_count(d.params), "shape": d.shape, "reason": d.reason}
            for d in (*plan.dropped, *plan.unchecked)
        ]
        print_table(dropped, ["budget", "N", "shape", "reason"], "Dropped cells")
    for warning in plan.warnings:
        say(f"warning: {warning}")
    say(_noise(plan))
    if plan.spec.share_trunks:
        say(_trunks(plan))
    if plan.spec.recipe_check:
        say(_check(plan))
    say(_totals(planned))


def _noise(plan: Plan) -> str:
    """Which cells repeat, and how uncertain the noise between seeds will be."""
    told = repeats(plan)
    if told.sigma_interval is None:
        return "noise: no cell is repeated; seeds.smallest_budget=3 would tell the noise between seeds"
    groups = Counter((cell.budget, cell.seeds) for cell in told.cells)
    where = [
        f"{seeds} seeds at {format_flops(budget)}" + (f" in each of {cells} cells" if cells > 1 else "")
        for (budget, seeds), cells in groups.items()
    ]
    low, high = told.sigma_interval
    freedom = told.degrees_of_freedom
    return (
        f"noise: {join_words(where)}; that between seeds will have {freedom} degree{'s' * (freedom > 1)} of freedom"
        f" and lie between {low:.2f} and {high:.3g} times its estimate (95 %)"
    )


def show_hours(planned: Planned) -> None:
    """Print the predicted hours of each budget and of all, and what they assume."""
    rows = hours_by_budget(planned.plan)
    if rows:
        shown = [
            {
                "budget": format_flops(row.budget),
                "runs": row.runs,
                "FLOPs": format_flops(row.flops),
                "device-hours": format_hours(row.device_hours),
            }
            for row in rows
        ]
        print_table(shown, list(shown[0]), f"Predicted hours on {planned.device_name}")
        total = sum(row.device_hours for row in rows)
        wall = wall_hours(planned.plan, planned.workers)
        on = f", {format_duration(wall * 3600)} on {planned.workers} × {planned.device_name}" if wall else ""
        say(f"predicted: {format_hours(total)} device-hours{on}, evaluation and start-up apart")
    for note in planned.notes:
        say(f"assumed: {note}")


def _check(plan: Plan) -> str:
    flops = sum(r.flops for r in plan.checks)
    cells = {(r.budget, r.shape) for r in plan.checks}
    return (
        f"recipe check: {len(plan.checks)} further runs in {len(cells)} cells, {format_flops(flops)} FLOPs "
        f"({flops / plan.flops:.0%} of all), which enter no fit"
    )


def show_expected(expected: Sequence[Expected], noise: KnownNoise) -> None:
    """Print how wide the intervals of forecasts would come out, or why there would be no law."""
    for one in expected:
        label = ", ".join(f"{axis} = {value}" for axis, value in one.vary.items())
        where = f" with {label}" if label else ""
        if one.refusal:
            say(f"warning: this grid gives no law{where}: {one.refusal}")
            continue
        widths = "; ".join(
            f"at {format_factor(width.multiple)} the largest budget N* within a factor of {width.params_factor:.2f}, "
            f"loss within ±{width.loss:.3f}"
            for width in one.widths
        )
        say(
            f"expected 95 % interval{where}: {widths} "
            f"(simulated, seed noise of {noise.sigma:.3g} nats per token: {noise.source})"
        )


def _trunks(plan: Plan) -> str:
    trunks = {r.trunk for r in plan.runs if r.trunk}
    most, kept = plan.trunk_bytes
    saved = 1 - plan.flops_spent / plan.flops if plan.flops else 0.0
    return (
        f"shared trunks: {format_flops(plan.flops_spent)} FLOPs are really spent, {saved:.0%} less than nominal; the "
        f"states of {len(trunks)} trunks take at most {most / 1e6:.3g} MB, of which {kept / 1e6:.3g} MB stay"
    )


def _totals(planned: Planned) -> str:
    plan = planned.plan
    wall = wall_hours(plan, planned.workers)
    memory = max((run.memory_bytes for run in plan.all_runs), default=0)
    about = f", about {_duration(wall * 3600)} on {planned.workers} × {planned.device_name}" if wall else ""
    return (
        f"{len(plan.all_runs)} runs, {len(plan.dropped)} cells dropped, {format_flops(plan.flops)} FLOPs{about}; "
        f"a run takes at most {memory / 1e9:.2g} GB of memory; "
        f"{format_count(planned.data.train_tokens)} unique training tokens, vocabulary {planned.data.vocab}"
    )


def _duration(seconds: float | None) -> str:
    return "–" if seconds is None else format_duration(seconds)

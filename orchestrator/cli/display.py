"""What a person sees of a plan before it starts."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence

from analysis.wording import (
    format_count,
    format_duration,
    format_factor,
    format_flops,
    format_hours,
    join_words,
    plural,
)
from orchestrator.cli.output import print_table, say
from orchestrator.use_cases.hours import Judged
from orchestrator.use_cases.planning import Planned
from sweeps.plan.expected_width import WIDEST_LOSS, WIDEST_PARAMS, Expected, KnownNoise
from sweeps.plan.filling import FILLED, Filled
from sweeps.plan.hours import hours_by_budget, wall_hours
from sweeps.plan.records import Plan
from sweeps.plan.repeats import repeats
from sweeps.plan.verdict import Remedy, Verdict

_RUN_IMPORTANCE = ("budget", "N", "D", "time", "shape", "all", "steps", "batch", "lr", "epochs", "seed")


def show_verdict(judged: Judged) -> None:
    """Print whether the grid will give a law and how far it reaches, or the change that would give one."""
    say(_verdict(judged.verdict))
    if judged.verdict.remedy:
        say(f"  → {_remedy(judged.verdict.remedy)}")
    if judged.filled:
        say(f"  {_filled(judged.filled)}")


def _verdict(verdict: Verdict) -> str:
    """Whether a law is to be expected, from how many budgets, and how far it is useful."""
    if not verdict.gives_law:
        return f"✗ no law: {verdict.reason}"
    mark = "✓" if verdict.complete else "!"
    law = f"{mark} law expected from {verdict.curves} of {plural(verdict.budgets, 'budget')}"
    why = "" if verdict.complete else f": {verdict.reason}"
    useful = f"N* within a factor of {WIDEST_PARAMS:g} and the loss within ±{WIDEST_LOSS:g}"
    if not verdict.reach:
        return f"{law}{why}; its runs are too few for {useful}, even at the largest budget"
    widest = f"{format_flops(verdict.reach * verdict.largest_budget)} FLOPs"
    return f"{law}{why}; useful up to {widest}, {format_factor(verdict.reach)} the largest budget ({useful})"


def _remedy(remedy: Remedy) -> str:
    """The overrides that give a law, ready to paste, and what they cost."""
    overrides = shlex.join(remedy.overrides)
    time_taken = "" if remedy.seconds is None else f", {_duration(remedy.seconds)}"
    return f"{overrides}: {remedy.cells} of {plural(remedy.of_cells, 'cell')}{time_taken}"


def _filled(filled: Filled) -> str:
    """What was chosen for the hours, and what keeps them from being filled."""
    overrides = shlex.join(filled.overrides)
    text = f"{format_hours(filled.hours)} of {format_hours(filled.wanted)} hours: {overrides}"
    if filled.epochs_needed is None:
        return text
    ends = (
        "larger budgets need" if filled.hours >= FILLED * filled.wanted else "the data run out; filling the hours needs"
    )
    return f"{text}; {ends} epochs_max={filled.epochs_needed:g}, or more text"


def show_plan(planned: Planned) -> None:
    """Print the plan: a row a run, dropped cells with reasons, warnings, totals."""
    plan = planned.plan
    rows = [
        {
            "budget": format_flops(r.budget),
            "N": format_count(r.params),
            "all": format_count(r.params_total),
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
    mixed = any(r.run.model.experts > 1 for r in plan.runs)
    counts = ["N", "all"] if mixed else ["N"]
    columns = ["budget", *counts, "D", "shape", "batch", "lr", "steps", "FLOPs", "epochs", "seed", "time"]
    title = f"{'First round' if planned.rounds else 'Plan'} of sweep {plan.spec.name}"
    print_table(rows, columns, title, importance=_RUN_IMPORTANCE)
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
    for line in _side_by_side(plan):
        say(line)
    say(_totals(planned))


def _noise(plan: Plan) -> str:
    """Which cells are repeated, and how uncertain the noise between seeds will be."""
    repeated = repeats(plan)
    if repeated.sigma_interval is None:
        return "noise: no cell is repeated; seeds.smallest_budget=3 would measure the noise between seeds"
    groups = Counter((cell.budget, cell.seeds) for cell in repeated.cells)
    where = [
        f"{plural(seeds, 'seed')} at {format_flops(budget)}" + (f" in each of {cells} cells" if cells > 1 else "")
        for (budget, seeds), cells in groups.items()
    ]
    low, high = repeated.sigma_interval
    freedom = repeated.degrees_of_freedom
    return (
        f"noise: {join_words(where)}; the noise between seeds will have {plural(freedom, 'degree')} of "
        f"freedom and lie between {low:.2f} and {high:.3g} times its estimate (95 %)"
    )


def show_hours(planned: Planned) -> None:
    """Print the predicted hours of each budget and of all, and their assumptions."""
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
        say(f"predicted: {format_hours(total)} device-hours{on}, without evaluation and start-up")
    for note in planned.notes:
        say(f"assumed: {note}")


def _side_by_side(plan: Plan) -> Iterator[str]:
    """How many runs share a GPU with others like them, by how many at a time."""
    counted = Counter(run.processes for run in plan.all_runs if run.processes > 1)
    for processes, runs in sorted(counted.items()):
        yield (
            f"shares of a GPU: {plural(runs, 'run')} {'trains' if runs == 1 else 'train'} {processes} at a time, each "
            "in a process of its own, which was measured to be the fastest for their size"
        )


def _check(plan: Plan) -> str:
    flops = sum(r.flops for r in plan.checks)
    cells = {(r.budget, r.shape) for r in plan.checks}
    return (
        f"recipe check: {plural(len(plan.checks), 'further run')} in {plural(len(cells), 'cell')}, "
        f"{format_flops(flops)} FLOPs ({flops / plan.flops:.0%} of all), which enter no fit"
    )


def show_expected(expected: Sequence[Expected], noise: KnownNoise) -> None:
    """Print how wide the intervals of predictions would be, or why there would be no law."""
    for one in expected:
        where = one.vary.clause
        if one.refusal:
            say(f"warning: this grid gives no law{where}: {one.refusal}")
            continue
        widths = "; ".join(
            f"at {format_factor(width.multiple)} the largest budget, N* within a factor of {width.params_factor:.2f} "
            f"and the loss within ±{width.loss:.3f}"
            for width in one.shown
        )
        say(
            f"expected 95 % interval{where}: {widths} "
            f"(simulated with usual misfit, seed noise of {noise.sigma:.3g} nats per token: {noise.source})"
        )


def _trunks(plan: Plan) -> str:
    trunks = {r.trunk for r in plan.runs if r.trunk}
    most, kept = plan.trunk_bytes
    saved = 1 - plan.flops_spent / plan.flops if plan.flops else 0.0
    return (
        f"shared trunks: {format_flops(plan.flops_spent)} FLOPs are actually spent, {saved:.0%} less than nominal; the "
        f"states of {plural(len(trunks), 'trunk')} take at most {most / 1e6:.3g} MB, of which {kept / 1e6:.3g} MB stay"
    )


def _totals(planned: Planned) -> str:
    plan = planned.plan
    wall = wall_hours(plan, planned.workers)
    memory = max((run.memory_bytes for run in plan.all_runs), default=0)
    about = f", about {_duration(wall * 3600)} on {planned.workers} × {planned.device_name}" if wall else ""
    return (
        f"{plural(len(plan.all_runs), 'run')}, {plural(len(plan.dropped), 'cell')} dropped, "
        f"{format_flops(plan.flops)} FLOPs{about}; "
        f"a run takes at most {memory / 1e9:.2g} GB of memory; "
        f"{_data(planned)}"
    )


def _data(planned: Planned) -> str:
    """Tokens and vocabulary of the data; of several datasets the least and the most."""
    tokens, entries = (sorted({getattr(one, key) for one in planned.data.each}) for key in ("train_tokens", "vocab"))
    if len(planned.data.each) == 1:
        return f"{format_count(tokens[0])} unique training tokens, vocabulary {entries[0]}"
    spans = (f"{show(each[0])} to {show(each[-1])}" if len(each) > 1 else f"{show(each[0])}"
             for each, show in ((tokens, format_count), (entries, str)))  # fmt: skip
    return f"{len(planned.data.each)} datasets: {next(spans)} unique training tokens, vocabulary {next(spans)}"


def _duration(seconds: float | None) -> str:
    return "–" if seconds is None else format_duration(seconds)

"""The end of `isoflop run`: fit, write the reports, mirror the fit to wandb, and print the answer."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from analysis.answers.compare import Comparison, compare
from analysis.law import Law
from analysis.records import LawError
from analysis.wording import plural, typed_flops
from orchestrator.attempts import Tracking
from orchestrator.cli.answer_summary import WIDTH, Pointers, headline, labelled, next_budget, summary, table_budgets
from orchestrator.cli.comparison_text import ranking
from orchestrator.cli.reports import write_reports
from orchestrator.scheduling.progress import mixed_devices
from orchestrator.store import RunRecord, SweepRecord
from orchestrator.tracking.sweep_run import log_sweep, offline_runs
from orchestrator.use_cases.adapting import sentence
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.ngrams import measure_unasked
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.sweep_facts import facts_of_sweep
from orchestrator.use_cases.trust import STEP
from orchestrator.use_cases.workspace import Workspace
from sweeps.plan.adaptive import target_of
from sweeps.plan.rounds import Stop


def conclude(
    workspace: Workspace, sweep: SweepRecord, command: str, say: Callable[[str], None], width: int = WIDTH
) -> int:
    """Fit, write the report, mirror the fit, print the answer. Returns the exit code: 0, or 1 without a law."""
    answers = Answering(workspace).of_record(Answering(workspace).sweep(f"{sweep.name}@{sweep.revision}"))
    for line in (*run_lines(answers.runs), *mixed_devices(answers.runs), *ending(answers)):
        say(line)
    name = Answering(workspace).handle(sweep)
    measure_unasked(workspace, answers.runs, name)
    laws = answers.laws()
    reported = write_reports(workspace, answers, laws, command)
    if note := log_sweep(workspace.tracking, name=sweep.name, revision=sweep.revision, laws=list(reported.values())):
        say(note)
    tracking = tracking_lines(workspace.tracking)
    reports = [nearby(shown.pages[-1]) for shown in reported.values()]
    say("")
    if len(laws) > 1:
        following = f"isoflop compare {name} --axis {shlex.quote(next(iter(answers.spec.vary)))}"
        lines = variants_summary(answers, laws, width)
        lines += [*labelled("Report", reports), *labelled("wandb", tracking), *labelled("Next", [following])]
    else:
        ((variant, law),) = laws.items()
        pointers = replace(pointers_of(name, variant, law), report=reports[0], tracking=tracking)
        lines = summary(law, table_budgets(law), facts_of_sweep(answers, variant), pointers, width=width)
    for line in lines:
        say(line)
    all_done = all(run.answered for run in answers.runs if run.role != "validation")
    return 0 if all_done and all(law.estimators for law in laws.values()) and not short_of(answers) else 1


def ending(answers: SweepAnswers) -> Iterator[str]:
    """Why an adaptive sweep ended, in a sentence; nothing for others, and before the end."""
    rounds = answers.sweep.rounds
    if rounds and rounds[-1].stop is not None:
        yield f"sweep {answers.sweep.name}: {sentence(len(rounds) - 1, rounds[-1])}"


def short_of(answers: SweepAnswers) -> bool:
    """Whether an adaptive sweep has not reached the precision that was asked for, or not ended yet."""
    rounds = answers.sweep.rounds
    if not rounds:
        return False
    return rounds[-1].stop is None or (target_of(answers.spec).any and rounds[-1].stop is not Stop.REACHED)


def tracking_lines(tracking: Tracking) -> tuple[str, ...]:
    """Where wandb writes and why, and the command that uploads what it wrote offline."""
    offline = offline_runs(tracking)
    mode = f"{tracking.mode} ({tracking.reason})"
    return (mode,) if offline is None else (f"{mode}; upload with:", offline.sync_command)


def run_lines(runs: Sequence[RunRecord]) -> list[str]:
    """The runs that have no result, each with the last line of its error."""
    wanted = [run for run in runs if run.role != "validation"]
    undone = [run for run in wanted if not run.answered]
    lines = [f"run {run.id} is {run.state}: {(run.error or 'no result').strip().splitlines()[-1]}" for run in undone]
    if undone:
        lines.append(f"{len(wanted) - len(undone)} of {plural(len(wanted), 'run')} are done; the fit uses those")
    return lines


def pointers_of(name: str, variant: str, law: Law) -> Pointers:
    """Where to read on about a sweep's law, and what to do next; `name` is what a user types for the sweep."""
    which = f"{name} --variant {shlex.quote(variant)}" if variant else name
    details = f"isoflop fit {which} -v"
    budget = next_budget(law, STEP)
    if budget is None:
        return Pointers(details, f"isoflop plot {which} --out {name}.svg")
    return Pointers(details, f"isoflop validate {which} --flops {typed_flops(budget)}")


def variants_summary(answers: SweepAnswers, laws: dict[str, Law], width: int = WIDTH) -> list[str]:
    """The answer of a sweep that varies something: its variants ranked by compute, and the pairs without an answer."""
    first, *others = laws
    compared, failed, problems = [], [], []
    for label in others:
        try:
            compared.append(_comparison(answers, first, label))
        except LawError as error:
            failed.append(label)
            problems.append(f"{label} cannot be compared: {error}")
    facts = facts_of_sweep(answers)
    lines = [f"{headline(laws[first], facts)}, {len(laws)} variants", *ranking(first, compared, failed, width)]
    notes = dict.fromkeys(warning for comparison in compared for warning in comparison.warnings)
    lines += [*problems, *(f"note: {warning}" for warning in notes)]
    return [*lines, f"Details isoflop fit {answers.sweep.name} --variant {shlex.quote(first)} -v"]


def _comparison(answers: SweepAnswers, baseline: str, other: str) -> Comparison:
    """One variant against another, each called by its own label."""
    sides = [replace(answers.side(label), name=label) for label in (baseline, other)]
    return compare(sides[0], sides[1])


def nearby(path: Path) -> str:
    """A path as one types it: relative where it lies below the working folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)

"""The verbs of `isoflop` in their groups, each with two examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import typer

from orchestrator.cli import answers, comparing, control, flops, models, planning, reading, serving, suggesting


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb."""

    name: str
    """As one types it."""
    function: Callable[..., None]
    """What it does; its docstring is the help."""
    examples: tuple[str, str]
    """Two commands, the second one going further."""


GROUPS: dict[str, tuple[Verb, ...]] = {
    "Sweeps": (
        Verb("plan", planning.plan, ("plan demo", "plan lab.yaml --hours 10 --device h100")),
        Verb("run", planning.run, ("run demo", "run lab.yaml epochs_max=4 --yes")),
        Verb("submit", control.submit, ("submit lab.yaml", "submit lab.yaml epochs_max=4 -o json")),
        Verb("watch", control.watch, ("watch lab", "watch lab@3f9c21aa")),
        Verb("ls", reading.list_sweeps, ("ls", "ls -o json")),
        Verb("show", reading.show, ("show lab", "show lab -o csv")),
        Verb("logs", control.logs, ("logs 3f9c21aa", "logs 3f9c21aa --attempt 2")),
        Verb("cancel", control.cancel, ("cancel lab", "cancel lab@3f9c21aa")),
        Verb("pause", control.pause, ("pause lab", "pause lab@3f9c21aa")),
        Verb("resume", control.resume, ("resume lab", "resume lab@3f9c21aa")),
        Verb("retry", control.retry, ("retry lab", "retry lab@3f9c21aa")),
        Verb("export", reading.export, ("export lab --out runs.csv", "export lab --out -")),
        Verb("trunks", control.trunks, ("trunks", "trunks lab --drop")),
    ),
    "Answers": (
        Verb("fit", answers.fit, ("fit lab", "fit --csv runs.csv --loss-key eval/loss -v")),
        Verb("predict", answers.predict, ("predict lab --flops 1e13", "predict lab --gpu-hours 100 --device h100")),
        Verb("suggest", suggesting.suggest, ("suggest lab --flops 1e14", "suggest --csv runs.csv --flops 1e21")),
        Verb("validate", planning.validate, ("validate lab --flops 3e12", "validate lab --flops 3e12 --seeds 3")),
        Verb("compare", comparing.compare, ("compare baseline lab", "compare lab --axis lr --baseline 0.01")),
        Verb("plot", answers.plot, ("plot lab --out lab.html", "plot lab --chart contour --out contour.png")),
        Verb("flops", flops.flops, ("flops", "flops lab --params 1e6 --params 1e9 --out flops.svg")),
    ),
    "Service": (
        Verb("serve", serving.serve, ("serve", "serve --host 0.0.0.0 --port 80")),
        Verb("db", control.db, ("db", "db backup --to isoflop.db")),
        Verb("doctor", serving.doctor, ("doctor", "doctor -o json")),
    ),
    "Tools": (
        Verb("profile", models.profile, ("profile --width 128 --layers 6", "profile lab.yaml --trace trace.json")),
        Verb("sample", models.sample, ("sample 3f9c21aa", "sample 3f9c21aa --prompt 'def main' --temperature 0")),
    ),
}  # fmt: skip
"""Verbs by the title of their group, in the order of the help."""


def add_verbs(app: typer.Typer) -> None:
    """Give the command line its verbs."""
    for group, verbs in GROUPS.items():
        for verb in verbs:
            examples = "\n".join(("Examples:", *(f"  isoflop {example}" for example in verb.examples)))
            app.command(verb.name, rich_help_panel=group, epilog=examples)(verb.function)

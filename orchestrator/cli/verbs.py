"""The verbs of `isoflop` in their groups, each with two examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import typer

from orchestrator.cli import (
    answers,
    boards,
    classes,
    comparing,
    control,
    corpora,
    flops,
    models,
    ngrams,
    people,
    planning,
    reading,
    serving,
    suggesting,
    tokenizers,
    tuning,
)

SETTINGS: Final[dict[str, Any]] = {"help_option_names": ["-h", "--help"]}
"""What every command of typer's has in common."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb."""

    name: str
    """As one types it; a verb of a family has two words, such as `tokenizer train`."""
    function: Callable[..., None]
    """What it does; its docstring is the help."""
    examples: tuple[str, str]
    """Two commands, the second one going further."""


GROUPS: dict[str, tuple[Verb, ...]] = {
    "Sweeps": (
        Verb("plan", planning.plan, ("plan demo", "plan lab.yaml --hours 10 --device h100")),
        Verb("run", planning.run, ("run demo", "run lab.yaml epochs_max=4 --yes")),
        Verb("tune", tuning.tune, ("tune demo", "tune lab.yaml --spend 1e14 --recipe lab-tuned")),
        Verb("submit", control.submit, ("submit lab.yaml", "submit lab.yaml epochs_max=4 -o json")),
        Verb("watch", control.watch, ("watch lab", "watch lab@3f9c21aa")),
        Verb("ls", reading.list_sweeps, ("ls", "ls -o json")),
        Verb("show", reading.show, ("show lab", "show lab -o csv")),
        Verb("logs", control.logs, ("logs 3f9c21aa", "logs 3f9c21aa --follow")),
        Verb("cancel", control.cancel, ("cancel lab", "cancel lab@3f9c21aa")),
        Verb("pause", control.pause, ("pause lab", "pause lab@3f9c21aa")),
        Verb("resume", control.resume, ("resume lab", "resume lab@3f9c21aa")),
        Verb("retry", control.retry, ("retry lab", "retry lab@3f9c21aa")),
        Verb("export", reading.export, ("export lab --out runs.csv", "export lab --out -")),
        Verb("trunks", control.trunks, ("trunks", "trunks lab --drop")),
    ),
    "Answers": (
        Verb("fit", answers.fit, ("fit lab", "fit --csv runs.csv --loss-key eval/loss -v")),
        Verb("predict", answers.predict, (
            "predict lab --gpu-hours 100 --device h100", "predict lab --flops 1e13 --config nanochat")),
        Verb("suggest", suggesting.suggest, ("suggest lab --flops 1e14", "suggest --csv runs.csv --flops 1e21")),
        Verb("validate", planning.validate, ("validate lab --flops 3e12", "validate lab --flops 3e12 --seeds 3")),
        Verb("compare", comparing.compare, ("compare baseline lab", "compare lab --axis lr --baseline 0.01")),
        Verb("ngram", ngrams.ngram, ("ngram lab", "ngram lab -o csv")),
        Verb("plot", answers.plot, ("plot lab --out lab.html", "plot lab --chart contour --out contour.png")),
        Verb("flops", flops.flops, ("flops", "flops lab --params 1e6 --params 1e9 --out flops.svg")),
    ),
    "Service": (
        Verb("serve", serving.serve, ("serve", "serve --host 0.0.0.0 --port 80")),
        Verb("db", control.db, ("db check", "db backup --to isoflop.db")),
        Verb("doctor", serving.doctor, ("doctor", "doctor -o json")),
    ),
    "People": (
        Verb("user add", people.add, ("user add ada --role admin", "user add sam --group lab --days 90")),
        Verb("user ls", people.list_users, ("user ls", "user ls -o json")),
        Verb("user set", people.change, ("user set sam --role reader", "user set sam --flops 1e17 --sweeps 3")),
        Verb("user token", people.token, ("user token sam --token desk", "user token sam --token ci --days 30")),
        Verb("user revoke", people.revoke, ("user revoke sam --token laptop", "user revoke sam")),
        Verb("user group", people.group, ("user group lab --flops 1e18", "user group class --hours 200 --sweeps 10")),
        Verb("class enrol", classes.enrol, (
            "class enrol roster.txt --group autumn --flops 1e12", "class enrol roster.txt --group autumn --days 120")),
        Verb("class show", classes.show_class, ("class show autumn", "class show autumn -o csv")),
        Verb("board open", boards.open_one, (
            "board open speed --corpus lab --flops 1e13 --closes 14d --hidden held-out.txt --baseline lab",
            "board open scaling --corpus lab --flops 1e12 --closes 14d --target 1e13 --shown --entries 1")),
        Verb("board enter", boards.enter, (
            "board enter speed 3f9c21aa 77b0c4d1",
            "board enter scaling --params 2e5 --tokens 7e6 --loss 2.9 --low 2.85 --high 2.95")),
        Verb("board show", boards.show, ("board show speed", "board show speed -o json")),
        Verb("board ls", boards.list_boards, ("board ls", "board ls -o json")),
        Verb("board close", boards.close, ("board close speed", "board close scaling")),
        Verb("board decide", boards.decide, ("board decide scaling truth", "board decide scaling truth@3f9c21aa")),
        Verb("ledger", people.ledger, ("ledger", "ledger --user sam -o csv")),
        Verb("audit", people.audit, ("audit", "audit -o csv")),
    ),
    "Tools": (
        Verb("profile", models.profile, ("profile --width 128 --layers 6", "profile lab.yaml --trace trace.json")),
        Verb("sample", models.sample, ("sample 3f9c21aa", "sample 3f9c21aa --prompt 'def main' --temperature 0")),
        Verb("corpus", corpora.corpus, ("corpus lab.yaml", "corpus 'dumps/*.jsonl.zst' -o json")),
        Verb("convert", models.convert, (
            "convert 3f9c21aa --out model", "convert 3f9c21aa --out ~/models/mine")),
        Verb("tokenizer train", tokenizers.train, (
            "tokenizer train --out tokenizer.json", "tokenizer train texts/ --vocab 4096 --out tokenizer.json")),
        Verb("tokenizer encode", tokenizers.encode, (
            "tokenizer encode tokenizer.json essay.txt", "tokenizer encode tokenizer.json -o json")),
        Verb("tokenizer decode", tokenizers.decode, (
            "tokenizer decode tokenizer.json ids.txt", "tokenizer decode tokenizer.json -o json")),
        Verb("tokenizer compare", tokenizers.compare, (
            "tokenizer compare", "tokenizer compare texts/ --tokenizer mine.json --width 512 --out why-bpe.png")),
    ),
}  # fmt: skip
"""Verbs by the title of their group, in the order of the help."""


FAMILIES = {
    "user": ("People", "Make, change and close the accounts of a service."),
    "class": ("People", "Make the accounts of a class, and see what each spent."),
    "board": ("People", "Open, enter and show leaderboards under a budget."),
    "tokenizer": ("Tools", "Train, use and compare tokenizers."),
}
"""Families of verbs: the title of the group in which the help lists each, and what it is for."""


def add_verbs(app: typer.Typer) -> None:
    """Give the command line its verbs."""
    families = {name: typer.Typer(no_args_is_help=True, context_settings=SETTINGS) for name in FAMILIES}
    for group, verbs in GROUPS.items():
        for verb in verbs:
            examples = "\n".join(("Examples:", *(f"  isoflop {example}" for example in verb.examples)))
            family, _, name = verb.name.rpartition(" ")
            add = families[family].command(name, epilog=examples) if family else None
            (add or app.command(name, rich_help_panel=group, epilog=examples))(verb.function)
    for name, (group, purpose) in FAMILIES.items():
        app.add_typer(families[name], name=name, help=purpose, rich_help_panel=group)


def command_of(root: Any, name: str) -> Any:
    """The command of a verb, among those of the application."""
    for word in name.split():
        root = root.commands[word]
    return root

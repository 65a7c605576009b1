"""The verbs: each in its group, with help, and with two examples that the command line understands."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer

from orchestrator.cli.app import app
from orchestrator.cli.verbs import FAMILIES, GROUPS, Verb, command_of
from tests.unit.orchestrator.cli.conftest import Isoflop

VERBS = [verb for verbs in GROUPS.values() for verb in verbs]
COMMAND: Any = typer.main.get_command(app)


def test_groups_and_names() -> None:
    assert list(GROUPS) == ["Sweeps", "Answers", "Service", "People", "Tools"]
    assert len({verb.name for verb in VERBS}) == len(VERBS)
    assert {verb.name.split()[0] for verb in VERBS} == set(COMMAND.commands)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_has_two_examples_that_parse(verb: Verb) -> None:
    assert verb.examples[0] != verb.examples[1]
    for example in verb.examples:
        words, length = shlex.split(example), len(verb.name.split())
        assert " ".join(words[:length]) == verb.name
        command_of(COMMAND, verb.name).make_context(verb.name, words[length:])


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_help_shows_examples_and_loses_no_word(verb: Verb, isoflop: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "220")
    shown = isoflop(*verb.name.split(), "-h").stdout
    assert shown == isoflop(*verb.name.split(), "--help").stdout
    for example in verb.examples:
        assert f"isoflop {example}" in shown
    command = command_of(COMMAND, verb.name)
    for parameter in command.params:
        text = getattr(parameter, "help", None) or ""
        assert _words(text) <= _words(shown), parameter.name


def _words(text: str) -> set[str]:
    return set(re.findall(r"[\w.\[\]]+", text))


def test_the_groups_are_titles_of_the_help_and_summaries_fit_a_line(
    isoflop: Isoflop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = isoflop("-h").stdout.splitlines()
    titles = [line.strip("╭╮─ ") for line in lines if line.startswith("╭")]
    assert titles == ["Options", *GROUPS]
    for name in [verb.name for verb in VERBS if " " not in verb.name] + list(FAMILIES):
        (line,) = [line for line in lines if line.startswith(f"│ {name} ")]
        assert line.rstrip("│ ").endswith((".", "?")), line


def test_a_family_lists_its_verbs(isoflop: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = isoflop("tokenizer", "-h")
    assert shown.code == 0
    assert FAMILIES["tokenizer"][1] in shown.stdout
    lines = shown.stdout.splitlines()
    for name in ("train", "encode", "decode", "compare"):
        (line,) = [line for line in lines if line.startswith(f"│ {name} ")]
        assert line.rstrip("│ ").endswith("."), line

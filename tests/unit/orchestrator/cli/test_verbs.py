"""The verbs: each in its group, with help, and with two examples that the command line understands."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer

from orchestrator.cli.app import app
from orchestrator.cli.verbs import GROUPS, Verb
from tests.unit.orchestrator.cli.conftest import Isoflop

VERBS = [verb for verbs in GROUPS.values() for verb in verbs]
COMMAND: Any = typer.main.get_command(app)


def test_groups_and_names() -> None:
    assert list(GROUPS) == ["Sweeps", "Answers", "Service", "Tools"]
    assert len({verb.name for verb in VERBS}) == len(VERBS) == len(COMMAND.commands)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_has_two_examples_that_parse(verb: Verb) -> None:
    assert verb.examples[0] != verb.examples[1]
    for example in verb.examples:
        name, *arguments = shlex.split(example)
        assert name == verb.name
        COMMAND.commands[name].make_context(name, list(arguments))


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_help_shows_examples_and_loses_no_word(verb: Verb, isoflop: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "220")
    shown = isoflop(verb.name, "-h").stdout
    assert shown == isoflop(verb.name, "--help").stdout
    for example in verb.examples:
        assert f"isoflop {example}" in shown
    command = COMMAND.commands[verb.name]
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
    for verb in VERBS:
        (line,) = [line for line in lines if line.startswith(f"│ {verb.name} ")]
        assert line.rstrip("│ ").endswith((".", "?")), line

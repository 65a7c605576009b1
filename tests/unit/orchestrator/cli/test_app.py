"""The typer application has every verb, plain errors, and help by both spellings."""

from __future__ import annotations

import typer

from orchestrator.cli.app import app
from orchestrator.cli.verbs import GROUPS


def test_every_verb_is_a_command() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert set(commands) == {verb.name.split()[0] for verbs in GROUPS.values() for verb in verbs}


def test_errors_are_never_dressed_up() -> None:
    assert app.pretty_exceptions_enable is False
    assert app.info.context_settings == {"help_option_names": ["-h", "--help"]}

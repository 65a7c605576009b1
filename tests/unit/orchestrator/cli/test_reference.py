"""The generated references: every verb, option and error is in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from orchestrator.cli import reference
from orchestrator.cli.app import app
from orchestrator.cli.verbs import GROUPS
from orchestrator.errors import MEANINGS


def test_the_command_line_is_documented_by_group_with_examples() -> None:
    text = reference.cli_reference()
    assert text.startswith("# The command line\n")
    titles = [line for line in text.splitlines() if line.startswith("#")]
    expected = ["# The command line"]
    for group, verbs in GROUPS.items():
        expected += [f"## {group}", *(f"### isoflop {verb.name}" for verb in verbs)]
    assert titles == expected
    for verbs in GROUPS.values():
        for verb in verbs:
            assert all(f"isoflop {example}\n" in text for example in verb.examples)
    assert "- `--loss-key <str>`: Column of the final loss of the table" in text
    assert "--help" not in text.replace("`isoflop VERB -h`", "")
    section = text.split("### isoflop predict\n")[1].split("### ")[0]
    assert section.count("- `") == len(typer.main.get_command(app).commands["predict"].params)  # type: ignore[attr-defined]


def test_every_kind_of_error_has_a_row() -> None:
    text = reference.errors_reference()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(MEANINGS)
    first = MEANINGS[rows[0].split("`")[1]]
    assert f"| {first.exit_code} | {first.status} | {first.meaning} | {first.remedy} |" in rows[0]


def test_the_interface_is_openapi() -> None:
    document = json.loads(reference.openapi())
    assert document["openapi"].startswith("3.1")
    assert any(path.startswith("/api/v1/sweeps") for path in document["paths"])


def test_all_three_are_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reference, "DOCS", tmp_path)
    reference.main()
    assert {path.name for path in tmp_path.iterdir()} == {"cli.md", "errors.md", "openapi.json"}
    assert (tmp_path / "cli.md").read_text(encoding="utf-8") == reference.cli_reference()

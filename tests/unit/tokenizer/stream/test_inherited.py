"""Linking what another preparation has read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenizer.stream.inherited import inherit


def test_runs_and_results_of_readings_are_linked_and_nothing_else(tmp_path: Path) -> None:
    for folder, run in (("a", "0-x-0.run"), ("b", "1-y-0.run")):
        (tmp_path / folder).mkdir()
        for name in (run, f"read-{folder}.done", "0000.index.npy", "index-0.done", "cleaned.json"):
            (tmp_path / folder / name).write_text(f"{name} of {folder}")
    into = tmp_path / "c"
    into.mkdir()
    (into / "0-x-0.run").write_text("its own")
    inherit(into, [tmp_path / "a", tmp_path / "b"])
    assert {file.name: file.read_text() for file in into.iterdir()} == {
        "0-x-0.run": "its own",
        "1-y-0.run": "1-y-0.run of b",
        "read-a.done": "read-a.done of a",
        "read-b.done": "read-b.done of b",
    }


def test_a_result_is_linked_only_where_its_runs_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result says that its runs are there: what ends the linking between them must not leave it alone."""
    (tmp_path / "a").mkdir()
    for name in ("0-x-0.run", "read-a.done"):
        (tmp_path / "a" / name).write_text(name)
    linked: list[str] = []

    def link(source: Path, _: Path) -> None:
        linked.append(source.name)
        raise OSError("no links here")

    monkeypatch.setattr("os.link", link)
    with pytest.raises(OSError, match="no links"):
        inherit(tmp_path / "c", [tmp_path / "a"])
    assert linked == ["0-x-0.run"]

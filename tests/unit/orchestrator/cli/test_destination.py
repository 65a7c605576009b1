"""Where a command cannot write is refused before the work, by the option that names it."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from orchestrator.cli.destination import check_destination, write_text
from tests.unit.orchestrator.cli.conftest import Isoflop


def _refusal(path: Path, **how: bool) -> str:
    with pytest.raises(typer.BadParameter) as refused:
        check_destination("--out", path, **how)
    assert refused.value.param_hint == "--out"
    return str(refused.value.message)


def test_a_folder_a_file_as_folder_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is a folder: name a file in it" in _refusal(tmp_path)
    assert f"there is no {tmp_path / 'no'}" in _refusal(tmp_path / "no" / "x.csv")
    assert f"{tmp_path / 'file'} is a file" in _refusal(tmp_path / "file" / "x.csv")
    assert f"{tmp_path / 'file'} is a file" in _refusal(tmp_path / "file" / "a" / "x.svg", makes_folders=True)
    assert "cannot be used: file name too long" in _refusal(tmp_path / ("x" * 300))


def test_what_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("")
    check_destination("--out", tmp_path / "old")
    check_destination("--out", tmp_path / "new")
    check_destination("--out", tmp_path / "a" / "b" / "new", makes_folders=True)
    check_destination("--out", Path("/dev/stdout"))
    assert {path.name for path in tmp_path.iterdir()} == {"old"}


def test_what_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old").write_text("")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "may not be written by this user" in _refusal(tmp_path / "old")
    assert "may not write into" in _refusal(tmp_path / "new")


def test_a_full_disk_is_said_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="/dev/full") as failed:
        write_text(Path("/dev/full"), "text")
    assert failed.value.filename == "/dev/full"
    write_text(tmp_path / "x", "a\r\nb")
    assert (tmp_path / "x").read_bytes() == b"a\r\nb"


@pytest.mark.parametrize(
    "words",
    [
        ("export", "lab", "--out"), ("plot", "lab", "--out"), ("db", "backup", "--to"), ("profile", "--trace"),
        ("plan", "tiny", "--runs"), ("flops", "--out"), ("compare", "lab", "lab", "--out"),
    ],
)  # fmt: skip
def test_every_verb_that_writes_refuses_a_folder(isoflop: Isoflop, tmp_path: Path, words: tuple[str, ...]) -> None:
    refused = isoflop(*words, tmp_path)
    assert refused.code == 2 and "is a folder: name a file in it" in refused.stderr
    assert f"Invalid value for {words[-1]}" in refused.stderr

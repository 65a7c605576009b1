"""The folder of a driver's temporary files: this user's alone, and short enough for Ray's sockets."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from orchestrator.cluster import private_folder
from orchestrator.cluster.private_folder import (
    LONGEST_SOCKET,
    SOCKET_BYTES,
    PrivateFolder,
    check_temporary_folder,
)
from tokenizer.private import FolderError


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(private_folder, "SOCKET_BYTES", 1000)  # where tests run may be far down
    return tmp_path


def test_nobody_else_can_enter_it_and_it_goes_with_all_that_is_in_it(temporary: Path) -> None:
    made = PrivateFolder()
    assert made.path.parent == temporary
    folders = (made.path, made.ray, made.temporary)
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700] * 3
    assert made.ray.parent == made.temporary.parent == made.path
    (made.temporary / "left").mkdir()
    made.remove()
    assert list(temporary.iterdir()) == []
    made.remove()


def test_a_folder_that_another_user_made_is_refused(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(FolderError, match=r"belongs to another user.*set TMPDIR to another folder"):
        PrivateFolder()


@pytest.mark.parametrize(("excess", "words"), [(0, ""), (1, "1 character too long"), (7, "7 characters too long")])
def test_a_temporary_folder_too_long_for_sockets_is_refused(
    monkeypatch: pytest.MonkeyPatch, excess: int, words: str
) -> None:
    folder = "/" + "t" * (SOCKET_BYTES - len(LONGEST_SOCKET) - 2 + excess)
    monkeypatch.setattr(tempfile, "tempdir", folder)
    monkeypatch.setattr(private_folder.os, "access", lambda *_: True)
    if not words:
        assert check_temporary_folder() == folder
        return
    with pytest.raises(FolderError, match=f"{folder} is {words} for Ray's sockets; set TMPDIR to a shorter folder"):
        PrivateFolder()


def test_bytes_count_and_not_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/" + "é" * (SOCKET_BYTES - len(LONGEST_SOCKET) - 2))
    with pytest.raises(FolderError, match="too long"):
        check_temporary_folder()


def test_a_temporary_folder_that_cannot_be_written_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/x")
    monkeypatch.setattr(private_folder.os, "access", lambda _, wanted: not wanted & os.W_OK)
    with pytest.raises(FolderError, match="/x cannot be written; set TMPDIR"):
        check_temporary_folder()


def test_the_longest_socket_is_that_of_the_folders_that_are_made(temporary: Path) -> None:
    made = PrivateFolder()
    assert len(str(made.ray.relative_to(temporary))) == LONGEST_SOCKET.index("/session_")

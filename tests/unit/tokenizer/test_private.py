"""Folders that are this user's own: made closed, tightened where they are ours, refused where others had them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.unit.tokenizer.tokenizer_data import write
from tokenizer.private import FolderError, make_private, own_folder

NOBODY = 65_534
"""Id of a user who owns nothing."""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: acts as another user")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_missing_folders_are_made_for_their_owner_alone_and_old_ones_left(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old").chmod(0o755)
    assert make_private(tmp_path / "old/new/newer") == tmp_path / "old/new/newer"
    assert [mode(tmp_path / name) for name in ("old", "old/new", "old/new/newer")] == [0o755, 0o700, 0o700]
    make_private(tmp_path / "old")
    assert mode(tmp_path / "old") == 0o755


def test_a_folder_of_ours_is_closed_to_readers(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours").chmod(0o755)
    assert own_folder(tmp_path / "ours", "remedy") == tmp_path / "ours"
    assert mode(tmp_path / "ours") == 0o700
    assert mode(own_folder(tmp_path / "a/b", "remedy")) == 0o700


@pytest.mark.parametrize("permissions", [0o720, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_may_write_into_is_refused(tmp_path: Path, permissions: int) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(permissions)
    with pytest.raises(FolderError, match=r"other users may write into .*shared, .*; do this"):
        own_folder(tmp_path / "shared", "do this")


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_link_or_a_file_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    if kind == "link":
        (tmp_path / "it").symlink_to(tmp_path / "real")
    else:
        (tmp_path / "it").write_text("")
    with pytest.raises(FolderError, match=r"it (is a link or no folder|cannot be made: File exists); do this"):
        own_folder(tmp_path / "it", "do this")


def as_nobody(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code as a user without rights, who may enter the folder."""
    for parent in (folder, *folder.parents):
        if not parent.stat().st_mode & 0o001:
            parent.chmod(0o755)
    before = f"import os, sys; sys.path.insert(0, {str(ROOT)!r}); from tokenizer import private, shards\n"
    drop = f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
    return subprocess.run(
        [sys.executable, "-c", before + drop + code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@needs_root
def test_a_folder_that_another_user_made_first_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    made = as_nobody("os.mkdir('open/scratch', 0o700)", tmp_path)
    assert made.returncode == 0, made.stderr
    with pytest.raises(FolderError, match=rf"open/scratch belongs to another user \(id {NOBODY}\); do this"):
        own_folder(tmp_path / "open/scratch", "do this")


@needs_root
def test_another_user_cannot_read_a_dataset_or_have_its_own_taken_for_one(tmp_path: Path) -> None:
    root = tmp_path / "home/artifacts"
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o755)
    path = write(root).path
    files = sorted(path.iterdir())
    assert len(files) == 4 and all(mode(file) == 0o600 for file in files)
    assert [mode(folder) for folder in (path, root)] == [0o700, 0o700]
    for name in ("train.bin", "manifest.json", "tokenizer.json"):
        root.chmod(0o755)  # even where the folder of all datasets was opened
        read = as_nobody(f"print(open({str(path / name)!r}, 'rb').read())", tmp_path)
        assert "PermissionError" in read.stderr and read.returncode == 1

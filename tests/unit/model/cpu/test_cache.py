"""The folders of compiled code: private ones alone, whatever the environment lacks and other users left there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from model.cpu import cache
from model.cpu.cache import cache_folder, is_ours, private_folders

STRANGER = 12345
"""A user who is neither root nor us."""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, a temporary folder and no XDG_CACHE_HOME; all below the test's own folder."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir(mode=0o755)
    temporary.mkdir()
    temporary.chmod(0o1777)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(cache.tempfile, "tempdir", str(temporary))
    cache._for_this_process.cache_clear()
    return tmp_path


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_the_user_s_folder_of_caches_comes_first_and_is_private(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == machine / "home/.cache/isoflop/compiled"
    assert mode(cache_folder()) == 0o700
    monkeypatch.setenv("XDG_CACHE_HOME", str(machine / "xdg"))
    assert cache_folder() == machine / "xdg/isoflop/compiled"
    assert private_folders()[1] == machine / f"tmp/isoflop-compiled-{os.geteuid()}"
    assert mode(private_folders()[1]) == 0o700


@pytest.mark.parametrize("xdg", ["", "relative/folder"])
def test_an_empty_or_relative_folder_of_caches_is_none(
    machine: Path, monkeypatch: pytest.MonkeyPatch, xdg: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    assert cache_folder() == machine / "home/.cache/isoflop/compiled"


@pytest.mark.parametrize("home", ["", "~", "not/absolute", "/dev/null/home", "/proc/no/such"])
def test_without_a_usable_home_the_temporary_folder_serves(
    machine: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setenv("HOME", home)
    assert cache_folder() == machine / f"tmp/isoflop-compiled-{os.geteuid()}"


def test_a_user_without_a_home_has_a_folder(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HOME is not set, and the user is in no table of users, as in many a container."""
    monkeypatch.setattr(cache.os.path, "expanduser", lambda path: path)
    assert cache_folder() == machine / f"tmp/isoflop-compiled-{os.geteuid()}"


@pytest.mark.parametrize("open_to", [0o020, 0o002])
def test_a_folder_that_others_may_write_is_not_used(machine: Path, open_to: int) -> None:
    cache_folder().chmod(0o700 | open_to)
    assert cache_folder() == machine / f"tmp/isoflop-compiled-{os.geteuid()}"
    cache_folder().chmod(0o700 | open_to)
    assert private_folders() == []
    own = cache_folder()
    assert own.parent == machine / "tmp" and mode(own) == 0o700 and cache_folder() == own


def test_a_folder_that_others_can_replace_is_not_used(machine: Path) -> None:
    cache_folder().parent.chmod(0o777)
    assert cache_folder().parent == machine / "tmp"
    (machine / "home/.cache/isoflop").chmod(0o1777)  # sticky: only its owner can rename it
    assert cache_folder().parent.name == "isoflop"


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_link_or_a_file_in_its_place_is_not_used(machine: Path, kind: str) -> None:
    place = cache_folder()
    place.rmdir()
    if kind == "link":
        (machine / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(machine / "elsewhere")
    else:
        place.write_text("")
    assert cache_folder().parent == machine / "tmp"


def give_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a folder that of another user, or this process that of another."""
    if os.geteuid() == 0:
        os.chown(path, STRANGER, STRANGER)
    else:
        monkeypatch.setattr(cache, "_user", lambda: STRANGER)


def test_a_folder_of_another_user_is_not_used(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in private_folders():
        give_away(folder, monkeypatch)
    assert private_folders() == []
    assert mode(cache_folder()) == 0o700


def test_a_folder_below_another_user_s_is_not_used(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = cache_folder()
    give_away(place.parent, monkeypatch)
    assert place not in private_folders()


def test_a_folder_that_cannot_be_written_is_read_but_not_chosen(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cache_folder()
    monkeypatch.setattr(cache.os, "access", lambda path, _: path != first)
    assert cache_folder().parent == machine / "tmp"
    assert private_folders()[0] == first


def test_what_is_ours(tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert not is_ours(file)
    file.write_text("")
    file.chmod(0o755)
    assert is_ours(file)
    for open_to in (0o020, 0o002):
        file.chmod(0o700 | open_to)
        assert not is_ours(file)
    file.chmod(0o700)
    (tmp_path / "link").symlink_to(file)
    assert not is_ours(tmp_path / "link")

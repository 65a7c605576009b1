"""The folders of compiled code: private, so that no other user of the machine can put code there that we would run."""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import tempfile
from functools import cache
from pathlib import Path

NAME = "compiled"
"""Name of the private folder below the user's folder of caches."""
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def cache_folder() -> Path:
    """The first private folder that can be written: the user's, one in the temporary folder, or one for this process.

    Raises OSError where not even a temporary folder can be made.
    """
    return next((folder for folder in private_folders() if os.access(folder, os.W_OK)), None) or _for_this_process()


def private_folders() -> list[Path]:
    """The folders whose content can be trusted, created where they can be: those that another user may change are not.

    They are `compiled` in $XDG_CACHE_HOME/isoflop or ~/.cache/isoflop, and a folder of the user's in the temporary one.
    """
    temporary = Path(tempfile.gettempdir())
    places = [*(root / "isoflop" / NAME for root in _cache_roots()), temporary / f"isoflop-{NAME}-{_user()}"]
    return [place for place in places if _made_private(place)]


def is_ours(path: Path) -> bool:
    """Whether a file or folder is no link, belongs to this user or to root, and cannot be written by others."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return not stat.S_ISLNK(found.st_mode) and found.st_uid in (0, _user()) and not found.st_mode & _OTHERS_WRITE


def _cache_roots() -> list[Path]:
    """The user's folder of caches, where there is one: an absolute XDG_CACHE_HOME, or ~/.cache."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():
        return [named]
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises where the user has no home
    return [home / ".cache"] if home.is_absolute() and home != Path("/") else []  # an empty HOME reads as /


def _user() -> int:
    """This process's user."""
    return os.geteuid() if hasattr(os, "geteuid") else 0


def _made_private(folder: Path) -> bool:
    """Whether the folder is there or could be made, and only this user or root can change or replace it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        parent = folder.parent.stat()
    except OSError:
        return False
    safe = not parent.st_mode & _OTHERS_WRITE or parent.st_mode & stat.S_ISVTX
    return folder.is_dir() and is_ours(folder) and parent.st_uid in (0, _user()) and bool(safe)


@cache
def _for_this_process() -> Path:
    """A private folder that this process removes at its end."""
    folder = tempfile.mkdtemp(prefix="isoflop-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)

"""Folders and files that no other user of the machine may read or have made."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tokenizer.errors import ExpectedError

FOLDER_MODE = 0o700
"""Permissions of a private folder: its owner alone."""
FILE_MODE = 0o600
"""Permissions of a private file: its owner alone."""


class FolderError(ExpectedError, RuntimeError):
    """A folder or file cannot be used, or other users can reach it; the message says what to do."""

    kind = "folder"


def make_private(folder: Path) -> Path:
    """Make a folder, and those above it that are missing, for this user alone; returns it. An old one is left as it is.

    Raises OSError.
    """
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    return folder


def own_folder(folder: Path, remedy: str) -> Path:
    """Make a private folder, or make sure that an old one is this user's and closed to others; returns it.

    Raises:
        FolderError: somebody else made it or may write into it, or it is a link; `remedy` says what to do.
    """
    try:
        make_private(folder)
        status = os.lstat(folder)
    except OSError as error:
        raise FolderError(f"{folder} cannot be made: {error.strerror}; {remedy}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise FolderError(f"{folder} is a link or no folder; {remedy}")
    if status.st_uid != os.geteuid():
        raise FolderError(f"{folder} belongs to another user (id {status.st_uid}); {remedy}")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise FolderError(f"other users may write into {folder}, so that its data cannot be trusted; {remedy}")
    folder.chmod(FOLDER_MODE)
    return folder

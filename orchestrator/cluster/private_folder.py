"""The folder of a driver's temporary files, which no other user can enter: Ray opens the folders inside it to all."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from tokenizer.private import FOLDER_MODE, FolderError, own_folder

PREFIX = "isoflop-ray-"
"""How the name of the folder begins."""
SOCKET_BYTES = 107
"""Longest path of a socket that Linux takes."""
LONGEST_SOCKET = f"{PREFIX}xxxxxxxx/r/session_2000-01-01_00-00-00_000000_0000000/sockets/plasma_store"
"""Longest path of a socket of Ray's below the temporary folder."""


class PrivateFolder:
    """A new folder below the temporary folder, for this user alone."""

    def __init__(self) -> None:
        """Make it. Raises FolderError."""
        check_temporary_folder()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        """The folder itself."""
        own_folder(self.path, "set TMPDIR to another folder")
        self.ray.mkdir(mode=FOLDER_MODE)
        self.temporary.mkdir(mode=FOLDER_MODE)

    @property
    def ray(self) -> Path:
        """Where a Ray of our own keeps its files."""
        return self.path / "r"

    @property
    def temporary(self) -> Path:
        """Temporary folder of the processes of such a Ray: what those that are killed leave there goes with it."""
        return self.path / "t"

    def remove(self) -> None:
        """Delete it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def check_temporary_folder() -> str:
    """The temporary folder, if a driver's folder can be made in it and Ray's sockets in that.

    Raises FolderError.
    """
    folder = tempfile.gettempdir()
    excess = len(os.fsencode(f"{folder}/{LONGEST_SOCKET}")) - SOCKET_BYTES
    if excess > 0:
        characters = "1 character" if excess == 1 else f"{excess} characters"
        raise FolderError(f"{folder} is {characters} too long for Ray's sockets; set TMPDIR to a shorter folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FolderError(f"{folder} cannot be written; set TMPDIR")
    return folder

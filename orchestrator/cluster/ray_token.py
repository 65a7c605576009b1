"""The secret without which nobody joins a Ray of our own: a file in the home that only its owner can read."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from tokenizer.private import FILE_MODE, FolderError

TOKEN_BYTES = 32
"""Random bytes of a secret."""


def ensure_token(path: Path) -> Path:
    """Make the file if there is none; one that others can read, or could have written, is not used.

    Raises FolderError.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, FILE_MODE)
    except FileExistsError:
        _check(path)
        return path
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(TOKEN_BYTES))
    return path


def _check(path: Path) -> None:
    """Raise FolderError if the secret in an existing file may be known to others."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise FolderError(f"{path} holds Ray's secret, and is not yours alone: remove it, and a new one is made")
    if found.st_size < TOKEN_BYTES:
        raise FolderError(f"{path} holds no secret for Ray: remove it, and a new one is made")

"""The file that a command is to write: refused before the work if it cannot be written, and named if writing fails."""

from __future__ import annotations

import os
from pathlib import Path

import typer


def check_destination(option: str, path: Path, *, makes_folders: bool = False) -> None:
    """Refuse a path that no file can be written to. `makes_folders` says whether missing folders will be made.

    Raises BadParameter, which names the option.
    """
    if reason := _hindrance(path, makes_folders):
        raise typer.BadParameter(f"{path or 'an empty name'} {reason}", param_hint=option)


def _hindrance(path: Path, makes_folders: bool) -> str:
    """What keeps a path from being written; empty for nothing."""
    try:
        if path.is_dir():
            return "is a folder: name a file in it"
        if path.exists():
            return "" if os.access(path, os.W_OK) else "may not be written by this user"
        folder = path.parent
        while makes_folders and not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            return f"cannot be made: {folder} is a file" if folder.exists() else f"cannot be made: there is no {folder}"
        return "" if os.access(folder, os.W_OK) else f"cannot be made: this user may not write into {folder}"
    except OSError as error:
        return f"cannot be used: {str(error.strerror).lower()}"


def write_text(path: Path, text: str) -> None:
    """Write a file. Raises OSError that names it, also where the disk is full."""
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error

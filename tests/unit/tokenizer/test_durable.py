"""A folder is on disk before the call returns, and its descriptor is closed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tokenizer import durable as module
from tokenizer.durable import sync_folder


def test_the_folder_itself_is_synced_and_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []

    def note(descriptor: int) -> None:
        assert os.fstat(descriptor).st_ino == tmp_path.stat().st_ino
        synced.append(descriptor)

    monkeypatch.setattr(module.os, "fsync", note)
    sync_folder(tmp_path)
    (descriptor,) = synced
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_folder_that_cannot_be_synced_is_closed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []

    def fail(descriptor: int) -> None:
        opened.append(descriptor)
        raise OSError("no space left")

    monkeypatch.setattr(module.os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        sync_folder(tmp_path)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])

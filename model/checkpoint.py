"""Checkpoints that survive a crash at any moment: atomic save, verified load, the newest good one."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

import torch

from tokenizer.errors import ExpectedError

MAGIC = b"ISOFLOP1"
"""First bytes of a checkpoint file; then 32 bytes of SHA-256 of the rest, then what torch.save wrote."""
KEPT = 2
"""Checkpoints kept: the newest, and the one before in case the newest is torn."""


FINAL = "final.ckpt"
"""Name of a finished run's weights."""


class CheckpointError(ExpectedError, ValueError):
    """A checkpoint file is damaged or belongs to something else; the message names the file."""

    kind = "checkpoint"


class Checkpoints:
    """The checkpoints of one run in one folder, which is created on the first save."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write `state` (tensors and plain data) for `step`, durable before its name exists; prune old ones."""
        path = self.folder / f"step-{step:09d}.ckpt"
        write_checkpoint(path, state)
        for old in self.files()[:-KEPT]:
            old.unlink(missing_ok=True)
        return path

    def save_final(self, state: dict[str, Any]) -> Path:
        """Write what is kept of a finished run, its weights; `clear` leaves it."""
        write_checkpoint(self.folder / FINAL, state)
        return self.folder / FINAL

    def files(self) -> list[Path]:
        """Checkpoint files, oldest first."""
        return sorted(self.folder.glob("step-*.ckpt"))

    def load_newest(self, device: str = "cpu") -> dict[str, Any] | None:
        """State of the newest good checkpoint, or None; a damaged one is skipped for the one before."""
        for path in reversed(self.files()):
            try:
                return read_checkpoint(path, device)
            except (CheckpointError, OSError):
                continue
        return None

    def clear(self) -> None:
        """Delete every checkpoint and leftover but the final weights, and the folder if nothing else is in it."""
        for path in [*self.folder.glob("step-*.ckpt"), *self.folder.glob("*.tmp")]:
            path.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write one file, durable before its name exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getbuffer()
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(MAGIC + hashlib.sha256(payload).digest())
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def read_checkpoint(path: Path, device: str = "cpu") -> dict[str, Any]:
    """Load one file. Raises CheckpointError if its checksum does not match; never runs code from the file."""
    content = path.read_bytes()
    start = len(MAGIC) + hashlib.sha256().digest_size
    if content[: len(MAGIC)] != MAGIC:
        raise CheckpointError(f"{path} is no checkpoint")
    if hashlib.sha256(content[start:]).digest() != content[len(MAGIC) : start]:
        raise CheckpointError(f"{path} is damaged: its checksum does not match")
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(content[start:]), map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    return state


def _sync_folder(folder: Path) -> None:
    """Make a rename durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

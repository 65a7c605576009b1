"""Checkpoints that survive a crash at any moment: saved atomically, verified on loading, the newest intact one used."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

import torch
from torch import Tensor

from model.config import Choice
from tokenizer.durable import sync_folder
from tokenizer.errors import ExpectedError

MAGIC = b"ISOFLOP1"
"""First bytes of a checkpoint file; then 32 bytes of SHA-256 of the rest, then what torch.save wrote."""
KEPT = 2
"""Checkpoints that are kept: the newest, and the one before in case the newest is torn."""
FINAL = "final.ckpt"
"""Name of the file of a finished run's weights."""


class CheckpointError(ExpectedError, ValueError):
    """A checkpoint file is damaged or belongs to something else; the message names the file."""

    kind = "checkpoint"


class TrainingState(TypedDict):
    """Everything that the rest of a run depends on; its position in the data follows from the step."""

    run_id: str
    """The run that saved it."""
    trunk_id: NotRequired[str | None]
    """The trunk that it was kept for, if it was."""
    choice: Choice
    """How it was computed: bits are equal only under the same choice."""
    step: int
    """Optimizer steps taken."""
    branched_from: int
    """Steps that other runs of the trunk took."""
    seconds: float
    """Seconds of the run's own training."""
    micro_batch: int
    """Sequences of one forward and backward pass."""
    losses: Tensor
    """Training losses of the last steps, [LOSS_WINDOW], nats per token."""
    best_loss: float
    """Lowest typical training loss so far, nats per token, against which divergence is judged."""
    model: dict[str, Tensor]
    """The model's parameters by name."""
    optimizer: dict[str, Any]
    """What torch's optimizer gives as its state."""


class Checkpoints:
    """The checkpoints of one run in one folder, which is created on the first save."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it need not exist."""
        self.folder = Path(folder)

    def save(self, step: int, state: TrainingState) -> Path:
        """Write the state after `step` steps, durable before its name exists; delete all but the newest KEPT."""
        path = self.folder / f"step-{step:09d}.ckpt"
        write_checkpoint(path, state)
        for old in self.files()[:-KEPT]:
            old.unlink(missing_ok=True)
        return path

    def save_final(self, state: Mapping[str, object]) -> Path:
        """Write what is kept of a finished run: its configuration and weights. `clear` leaves it."""
        write_checkpoint(self.folder / FINAL, state)
        return self.folder / FINAL

    def files(self) -> list[Path]:
        """Checkpoint files, oldest first."""
        return sorted(self.folder.glob("step-*.ckpt"))

    def load_newest(self, device: str = "cpu") -> TrainingState | None:
        """State of the newest intact checkpoint, or None; a damaged one is skipped for the one before."""
        for path in reversed(self.files()):
            try:
                return cast("TrainingState", read_checkpoint(path, device))
            except (CheckpointError, OSError):
                continue
        return None

    def clear(self) -> None:
        """Delete every checkpoint and leftover but the final weights, and the folder if nothing else is in it."""
        for path in [*self.folder.glob("step-*.ckpt"), *self.folder.glob("*.tmp")]:
            path.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def write_checkpoint(path: Path, state: Mapping[str, object]) -> None:
    """Write tensors and plain data to one file, durable before its name exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    payload = buffer.getbuffer()
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(MAGIC + hashlib.sha256(payload).digest())
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def read_checkpoint(path: Path, device: str = "cpu") -> dict[str, Any]:
    """Load one file. Never runs code from it.

    Raises CheckpointError if it is not an intact checkpoint, and OSError if it cannot be read.
    """
    content = path.read_bytes()
    start = len(MAGIC) + hashlib.sha256().digest_size
    if content[: len(MAGIC)] != MAGIC:
        raise CheckpointError(f"{path} is not a checkpoint")
    if hashlib.sha256(content[start:]).digest() != content[len(MAGIC) : start]:
        raise CheckpointError(f"{path} is damaged: its checksum does not match")
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(content[start:]), map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    return state


def own_tensor(tensor: Tensor) -> Tensor:
    """The tensor, or a copy if it is a part of a larger storage, all of which would be saved."""
    whole = tensor.untyped_storage().nbytes() == tensor.nbytes
    return tensor if whole else tensor.clone()


def own_tensors(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by name, each in a storage of its own; what is one tensor under two names stays one."""
    own: dict[int, Tensor] = {}
    return {name: own.setdefault(tensor.data_ptr(), own_tensor(tensor)) for name, tensor in state.items()}

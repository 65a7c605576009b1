"""Writes token shards: a dataset's folder appears complete or not at all. Imports numpy alone."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tokenizer.durable import sync_folder
from tokenizer.private import FILE_MODE, make_private
from tokenizer.shards import UNFINISHED, Manifest, ShardError, Shards, id_dtype, open_shards, set_file


def write_shards(
    root: Path,
    draft: Manifest,
    train: Iterable[npt.ArrayLike],
    validation: Iterable[npt.ArrayLike],
    extra: Mapping[str, bytes] | None = None,
    sets: Mapping[str, Iterable[npt.ArrayLike]] | None = None,
) -> Shards:
    """Write a dataset to root/<dataset> and open it.

    `train` and `validation` yield the ids of one document at a time; `extra` holds further files by name, `sets`
    the ids of the further validation sets that the draft names. The folder
    appears complete or not at all: it is written under another name, flushed to disk, and renamed. An intact dataset of
    that name is left as it is, a damaged one is replaced. Raises ShardError for an empty split.
    """
    make_private(root)
    temporary = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=root))
    try:
        further = {set_file(name): ids for name, ids in (sets or {}).items()}
        splits = {"train": train, "validation": validation} | further
        manifest = _write_folder(temporary, draft, splits, extra or {})
        path = root / manifest.dataset
        _publish(temporary, path)
        return open_shards(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_folder(
    folder: Path, draft: Manifest, splits: Mapping[str, Iterable[npt.ArrayLike]], extra: Mapping[str, bytes]
) -> Manifest:
    """Write every file of a dataset into a folder; returns the completed manifest."""
    dtype = id_dtype(draft.vocab)
    little_endian = np.dtype(dtype).newbyteorder("<")
    files: dict[str, str] = {}
    tokens: dict[str, int] = {}
    for name, documents in splits.items():
        pieces = (np.asarray(document).astype(little_endian, copy=False).tobytes() for document in documents)
        size, files[f"{name}.bin"] = _write_file(folder / f"{name}.bin", pieces)
        tokens[name] = size // little_endian.itemsize
        if not size:
            raise ShardError(f"the {name} split holds no tokens: give a larger corpus or another validation_fraction")
    for name, content in extra.items():
        _, files[name] = _write_file(folder / name, [content])
    manifest = dataclasses.replace(
        draft, dtype=dtype, files=files, train_tokens=tokens["train"], validation_tokens=tokens["validation"]
    )
    manifest = dataclasses.replace(manifest, dataset=manifest.identity)
    _write_file(folder / "manifest.json", [json.dumps(manifest.to_dict(), indent=2, sort_keys=True).encode()])
    sync_folder(folder)
    return manifest


def _write_file(path: Path, pieces: Iterable[bytes]) -> tuple[int, str]:
    """Write a file and flush it to disk; returns its size in bytes and its SHA-256."""
    digest = hashlib.sha256()
    size = 0
    with open(path, "wb", opener=_private) as stream:
        for piece in pieces:
            stream.write(piece)
            digest.update(piece)
            size += len(piece)
        stream.flush()
        os.fsync(stream.fileno())
    return size, digest.hexdigest()


def _private(path: str, flags: int) -> int:
    """Open a file that its owner alone may read."""
    return os.open(path, flags, FILE_MODE)


def _publish(temporary: Path, path: Path) -> None:
    """Rename into place. An intact dataset stays; a damaged one, or one that a crash left torn, makes way."""
    while not _is_intact(path):
        _discard(path)
        try:
            temporary.rename(path)
        except OSError:
            if not path.exists():
                raise
            continue  # Another writer was faster: look at what it wrote.
        sync_folder(path.parent)
        return


def _is_intact(path: Path) -> bool:
    """Whether a folder is a dataset with every file as its manifest says."""
    try:
        open_shards(path)
    except ShardError:
        return False
    return True


def _discard(path: Path) -> None:
    """Delete a folder if it exists, so that no half of it is ever seen under its name."""
    doomed = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=path.parent))
    with contextlib.suppress(FileNotFoundError):
        path.rename(doomed / path.name)
    shutil.rmtree(doomed, ignore_errors=True)

"""Writing shards: whole or not at all, for their owner alone, also where two write at once."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from tests.unit.tokenizer.tokenizer_data import DRAFT, write
from tokenizer import shard_writer as module
from tokenizer.shard_writer import write_shards
from tokenizer.shards import Manifest, ShardError, id_dtype, open_shards


def test_an_empty_split_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="the validation split holds no token"):
        write_shards(tmp_path, DRAFT, [[1]], [])
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_was_overtaken_takes_the_others_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module._discard
    overtaken: list[Path] = []

    def overtake(path: Path) -> None:
        real(path)
        if not overtaken:
            overtaken.append(path)
            write(tmp_path)

    monkeypatch.setattr(module, "_discard", overtake)
    shards = write(tmp_path)
    assert overtaken == [shards.path]
    open_shards(shards.path)
    assert [entry.name for entry in tmp_path.iterdir()] == [shards.path.name]


def test_every_file_and_both_folders_are_durable_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is synced, and whether the dataset has its name by then."""
    synced: list[tuple[str, bool]] = []

    def note(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        synced.append((kind, any(not entry.name.startswith(module.UNFINISHED) for entry in tmp_path.iterdir())))

    monkeypatch.setattr(module.os, "fsync", note)
    files = [entry.name for entry in write(tmp_path).path.iterdir()]
    assert synced == [("file", False)] * len(files) + [("folder", False), ("folder", True)]


def test_datasets_are_their_owners_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "new").path
    assert [folder.stat().st_mode & 0o777 for folder in (path, path.parent)] == [0o700, 0o700]
    assert {file.stat().st_mode & 0o777 for file in path.iterdir()} == {0o600}


@pytest.mark.parametrize(("vocab", "dtype"), [(65_536, "uint16"), (65_537, "uint32")])
def test_ids_take_the_smallest_type(tmp_path: Path, vocab: int, dtype: str) -> None:
    assert id_dtype(vocab) == dtype
    draft = Manifest(corpus="c", tokenizer="t", source="text", vocab=vocab)
    shards = write_shards(tmp_path, draft, [[0, vocab - 1]], [[0]])
    assert shards.train.dtype == np.dtype(dtype)
    assert shards.train.tolist() == [0, vocab - 1]

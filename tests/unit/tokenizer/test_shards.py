"""Shards: written whole or not at all, verified, repaired."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from tests.unit.tokenizer.tokenizer_data import DRAFT, write
from tokenizer import shards as module
from tokenizer.shard_writer import write_shards
from tokenizer.shards import Manifest, ShardError, open_shards


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = write(tmp_path)
    shards = open_shards(tmp_path / written.manifest.dataset)
    assert shards.train.tolist() == [*range(10), *range(290, 300)]
    assert shards.validation.tolist() == [1, 2, 3]
    assert shards.train.dtype == np.uint16
    assert not shards.train.flags.writeable
    assert (shards.manifest.train_tokens, shards.manifest.validation_tokens) == (20, 3)
    assert shards.manifest.text_of().bytes_per_token == 3.0
    assert {path.name for path in shards.path.iterdir()} == {
        "train.bin",
        "validation.bin",
        "tokenizer.json",
        "manifest.json",
    }
    assert [path.name for path in tmp_path.iterdir()] == [shards.manifest.dataset]


def test_identity_is_content(tmp_path: Path) -> None:
    first = write(tmp_path / "a").manifest
    made_elsewhere = Manifest(**{**DRAFT.to_dict(), "created_with": {"python": "4"}, "encoder": {"name": "x"}})
    assert write(tmp_path / "b", made_elsewhere).manifest.dataset == first.dataset
    for change in ({"corpus": "d"}, {"tokenizer": "u"}, {"vocab": 301}, {"validation_bytes": 10}):
        assert write(tmp_path / "c", Manifest(**{**DRAFT.to_dict(), **change})).manifest.dataset != first.dataset
    other = write_shards(tmp_path / "d", DRAFT, [[1]], [[1, 2, 3]], {"tokenizer.json": b"{}"})
    assert other.manifest.dataset != first.dataset


def test_an_intact_dataset_is_left_as_it_is(tmp_path: Path) -> None:
    first = write(tmp_path)
    before = (first.path / "train.bin").stat()
    write(tmp_path)
    after = (first.path / "train.bin").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def damage(path: Path, how: str) -> None:
    train = path / "train.bin"
    if how == "torn":
        train.write_bytes(train.read_bytes()[:-3])
    elif how == "altered":
        train.write_bytes(bytes(40))
    elif how == "file missing":
        (path / "validation.bin").unlink()
    elif how == "manifest missing":
        (path / "manifest.json").unlink()
    elif how == "manifest torn":
        (path / "manifest.json").write_bytes((path / "manifest.json").read_bytes()[:50])
    else:
        data = json.loads((path / "manifest.json").read_bytes())
        data.update(CHANGES[how])
        (path / "manifest.json").write_text(json.dumps([data] if how == "list" else data))


CHANGES: dict[str, dict[str, object]] = {
    "manifest altered": {"validation_bytes": 10**6},
    "format": {"format": 99},
    "list": {},
    "types": {"train_tokens": "20"},
    "unknown type": {"dtype": "object"},
    "other type": {"dtype": "uint32"},
}
DAMAGE = {
    "torn": r"train\.bin was altered: its SHA-256 is not the manifest's; delete the folder and prepare",
    "altered": r"train\.bin was altered: its SHA-256 is not the manifest's",
    "file missing": r"validation\.bin cannot be read \(.*No such file.*\): delete the folder",
    "manifest missing": r"manifest\.json does not exist: prepare the corpus first",
    "manifest torn": r"manifest\.json is damaged",
    "manifest altered": r"manifest\.json was altered: its content hash is",
    "format": r"manifest\.json has format 99, this version reads 1",
    "types": r"manifest\.json is damaged \(train_tokens is not of type int\)",
    "unknown type": r"manifest\.json is damaged \(dtype is 'object' for 300 entries\)",
    "other type": r"manifest\.json is damaged \(dtype is 'uint32' for 300 entries\)",
    "list": r"manifest\.json is damaged",
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_found_and_repaired(tmp_path: Path, how: str) -> None:
    path = write(tmp_path).path
    damage(path, how)
    with pytest.raises(ShardError, match=DAMAGE[how]):
        open_shards(path)
    assert write(tmp_path).train.tolist()[-1] == 299
    open_shards(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_missing_dataset(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="does not exist: prepare the corpus first, or name a dataset's folder"):
        open_shards(tmp_path / "nowhere")


def test_imports_numpy_alone() -> None:
    code = (
        "import sys; import tokenizer.shards, tokenizer.shard_writer, tokenizer.windows; "
        "print([m for m in ('torch', 'tokenizers', 'tiktoken', 'pyarrow', 'pandas', 'scipy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"


def test_a_file_is_hashed_once_and_again_after_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    real = module.hashlib.file_digest

    def counting(stream: BinaryIO, name: str) -> object:
        hashed.append(Path(stream.name).name)
        return real(stream, name)

    monkeypatch.setattr(module.hashlib, "file_digest", counting)
    path = write(tmp_path).path
    assert sorted(hashed) == ["tokenizer.json", "train.bin", "validation.bin"]
    open_shards(path)
    assert len(hashed) == 3
    content = bytearray((path / "train.bin").read_bytes())
    content[0] ^= 1
    times = (path / "train.bin").stat()
    (path / "train.bin").write_bytes(content)
    os.utime(path / "train.bin", ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(ShardError, match=r"train\.bin was altered"):
        open_shards(path)
    assert hashed[3:] == ["train.bin"]


def test_a_split_that_the_manifest_does_not_cover_is_not_opened(tmp_path: Path) -> None:
    path = write(tmp_path).path
    data = json.loads((path / "manifest.json").read_bytes())
    del data["files"]["train.bin"]
    data["dataset"] = Manifest(**data).identity
    (path / "manifest.json").write_text(json.dumps(data))
    with pytest.raises(ShardError, match=r"train\.bin was altered: its SHA-256 is not the manifest's"):
        open_shards(path)


def test_a_manifest_is_read_without_its_data(tmp_path: Path) -> None:
    shards = write(tmp_path)
    (shards.path / "train.bin").unlink()
    assert module.read_manifest(shards.path) == shards.manifest


def test_datasets_of_earlier_releases_keep_their_identity() -> None:
    assert DRAFT.identity == "0ce3e6cdc4661d8a"
    assert dataclasses.replace(DRAFT, scored_bytes=9).identity != DRAFT.identity

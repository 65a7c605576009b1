"""Shards: written whole or not at all, verified, read in an order that depends on seed and position alone."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenizer import shards as module
from tokenizer.shards import (
    Manifest,
    ShardError,
    Shards,
    gather,
    id_dtype,
    open_shards,
    sequence_count,
    sequence_indices,
    write_shards,
)

DRAFT = Manifest(corpus="c", tokenizer="t", source="text", vocab=300, train_bytes=40, validation_bytes=9)


def write(root: Path, draft: Manifest = DRAFT) -> Shards:
    train = [np.arange(10), np.arange(290, 300)]
    return write_shards(root, draft, train, [[1, 2, 3]], {"tokenizer.json": b"{}"})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = write(tmp_path)
    shards = open_shards(tmp_path / written.manifest.dataset, verify=True)
    assert shards.train.tolist() == [*range(10), *range(290, 300)]
    assert shards.validation.tolist() == [1, 2, 3]
    assert shards.train.dtype == np.uint16
    assert not shards.train.flags.writeable
    assert (shards.manifest.train_tokens, shards.manifest.validation_tokens) == (20, 3)
    assert shards.validation_bytes_per_token == 3.0
    assert {path.name for path in shards.path.iterdir()} == {
        "train.bin",
        "validation.bin",
        "tokenizer.json",
        "manifest.json",
    }
    assert [path.name for path in tmp_path.iterdir()] == [shards.manifest.dataset]


@pytest.mark.parametrize(("vocab", "dtype"), [(65_536, "uint16"), (65_537, "uint32")])
def test_ids_take_the_smallest_type(tmp_path: Path, vocab: int, dtype: str) -> None:
    assert id_dtype(vocab) == dtype
    draft = Manifest(corpus="c", tokenizer="t", source="text", vocab=vocab)
    shards = write_shards(tmp_path, draft, [[0, vocab - 1]], [[0]])
    assert shards.train.dtype == np.dtype(dtype)
    assert shards.train.tolist() == [0, vocab - 1]


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
        data.update({"manifest altered": {"validation_bytes": 10**6}, "format": {"format": 99}, "list": {}}[how])
        (path / "manifest.json").write_text(json.dumps([data] if how == "list" else data))


DAMAGE = {
    "torn": (False, r"train\.bin holds 37 bytes, not 40: delete the folder and prepare the corpus again"),
    "altered": (True, r"train\.bin was altered: its SHA-256 is not the manifest's"),
    "file missing": (False, r"validation\.bin is missing: delete the folder"),
    "manifest missing": (False, r"manifest\.json does not exist: prepare the corpus first"),
    "manifest torn": (False, r"manifest\.json is damaged"),
    "manifest altered": (False, r"manifest\.json was altered: its content hash is"),
    "format": (False, r"manifest\.json has format 99, this version reads 1"),
    "list": (False, r"manifest\.json is damaged"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_found_and_repaired(tmp_path: Path, how: str) -> None:
    path = write(tmp_path).path
    damage(path, how)
    only_verified, message = DAMAGE[how]
    with pytest.raises(ShardError, match=message):
        open_shards(path, verify=only_verified)
    with pytest.raises(ShardError):
        open_shards(path, verify=True)
    assert write(tmp_path).train.tolist()[-1] == 299
    open_shards(path, verify=True)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_missing_dataset(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="does not exist: prepare the corpus first, or name a dataset's folder"):
        open_shards(tmp_path / "nowhere")


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
    open_shards(shards.path, verify=True)
    assert [entry.name for entry in tmp_path.iterdir()] == [shards.path.name]


def test_imports_numpy_alone() -> None:
    code = (
        "import sys; import tokenizer.shards; "
        "print([m for m in ('torch', 'tokenizers', 'tiktoken', 'pyarrow', 'pandas', 'scipy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("tokens", "context", "count"), [(0, 4, 0), (1, 4, 0), (4, 4, 0), (5, 4, 1), (8, 4, 1), (9, 4, 2), (129, 128, 1)]
)
def test_sequence_count(tokens: int, context: int, count: int) -> None:
    assert sequence_count(tokens, context) == count


@settings(max_examples=150)
@given(st.integers(1, 3_000), st.integers(-(2**63), 2**64 - 1), st.integers(0, 2**20))
def test_each_epoch_is_a_permutation(windows: int, seed: int, epoch: int) -> None:
    order = sequence_indices(seed, epoch * windows, windows, windows)
    assert np.array_equal(np.sort(order), np.arange(windows))


@settings(max_examples=100)
@given(st.integers(1, 500), st.integers(0, 2**32), st.lists(st.integers(0, 90), min_size=1, max_size=12))
def test_order_does_not_depend_on_how_it_is_fetched(windows: int, seed: int, batches: list[int]) -> None:
    whole = sequence_indices(seed, 0, sum(batches), windows)
    first, pieces = 0, []
    for batch in batches:
        pieces.append(sequence_indices(seed, first, batch, windows))
        first += batch
    assert np.array_equal(whole, np.concatenate(pieces))


def test_seeds_and_epochs_differ() -> None:
    orders = [sequence_indices(seed, epoch * 999, 999, 999) for seed in range(6) for epoch in range(6)]
    assert len({order.tobytes() for order in orders}) == 36
    agreement = [np.mean(a == b) for i, a in enumerate(orders) for b in orders[:i]]
    assert max(agreement) < 0.01  # two random permutations agree in one place of 999 on average


def test_order_looks_random() -> None:
    """Each place is taken equally often, and neighbours are unrelated."""
    windows, seeds = 50, 2_000
    orders = np.stack([sequence_indices(seed, 0, windows, windows) for seed in range(seeds)])
    counts = np.stack([np.bincount(orders[:, place], minlength=windows) for place in range(windows)])
    chi_square = ((counts - seeds / windows) ** 2 / (seeds / windows)).sum() / (windows - 1) ** 2
    assert 0.9 < chi_square < 1.1
    long = sequence_indices(7, 0, 100_000, 100_000).astype(float)
    assert abs(np.corrcoef(long[:-1], long[1:])[0, 1]) < 0.02


def test_order_is_fixed_for_ever() -> None:
    """The order is part of every run's result: a change here needs a new MATH_VERSION."""
    assert sequence_indices(0, 0, 10, 100).tolist() == [7, 31, 82, 93, 30, 12, 56, 67, 29, 47]
    assert sequence_indices(1, 10**12, 5, 190_000).tolist() == [65323, 27791, 95613, 22717, 50542]


def test_no_window_is_an_error() -> None:
    with pytest.raises(ShardError, match="0 whole windows: give more text or a shorter context"):
        sequence_indices(0, 0, 1, 0)


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
@pytest.mark.parametrize("offset", [0, 3])
def test_gather_takes_windows_of_context_plus_one(dtype: type, offset: int) -> None:
    tokens = np.arange(1_000, dtype=dtype)[offset:]
    windows = sequence_count(len(tokens), 16)
    indices = np.array([0, 5, windows - 1, 5])
    batch = gather(tokens, indices, 16)
    assert batch.dtype == np.int64
    expected = [[offset + i * 16 + t for t in range(17)] for i in indices]
    assert batch.tolist() == expected
    out = np.zeros((4, 17), dtype=np.int64)
    assert gather(tokens, indices, 16, out) is out
    assert out.tolist() == expected


def test_gather_beyond_the_last_window(tmp_path: Path) -> None:
    shards = write(tmp_path)
    assert gather(shards.train, np.array([2]), 5).shape == (1, 6)
    with pytest.raises(IndexError):
        gather(shards.train, np.array([3]), 5)


def test_an_epoch_reads_each_token_once() -> None:
    tokens = np.arange(1_001, dtype=np.uint16)
    order = sequence_indices(5, 0, sequence_count(1_001, 10), 100)
    targets = gather(tokens, order, 10)[:, 1:]
    assert np.array_equal(np.sort(targets.ravel()), np.arange(1, 1_001))

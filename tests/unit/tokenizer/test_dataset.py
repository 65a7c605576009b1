"""Preparation: reused by fingerprint and by content, repaired when damaged, safe when killed or run twice at once."""

import dataclasses
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tokenizer import dataset as module
from tokenizer.corpus import CorpusError, CorpusSpec
from tokenizer.dataset import prepare
from tokenizer.loading import load_tokenizer
from tokenizer.shards import open_shards
from tokenizer.vocabulary import TokenizerError, TokenizerSpec

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "omicron"]
BPE = TokenizerSpec("bpe", 300)


def write_texts(folder: Path, count: int = 200) -> CorpusSpec:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    lines = (" ".join(rng.choice(WORDS, 30)) for _ in range(count))
    (folder / "a.jsonl").write_text("".join(json.dumps({"text": f"{line} ü"}) + "\n" for line in lines))
    return CorpusSpec(source="jsonl", paths=(str(folder),), validation_fraction=0.1)


@pytest.fixture
def corpus(tmp_path: Path) -> CorpusSpec:
    return write_texts(tmp_path / "texts")


def forbidden(*_: object) -> None:
    raise AssertionError("this work should have been reused")


class Log(list[str]):
    def __call__(self, line: str) -> None:
        self.append(line)


def test_prepare_gives_shards_that_decode_to_the_corpus(corpus: CorpusSpec, tmp_path: Path) -> None:
    log = Log()
    shards = prepare(corpus, BPE, tmp_path / "data", log)
    made = shards.manifest
    assert shards.path == tmp_path / "data" / made.dataset
    assert made.train_documents + made.validation_documents == 200
    tokenizer = load_tokenizer(shards.path / "tokenizer.json")
    assert (tokenizer.vocab_size, tokenizer.hash) == (made.vocab, made.tokenizer)
    texts = {json.loads(line)["text"] for line in (tmp_path / "texts/a.jsonl").read_text().splitlines()}
    decoded = []
    for tokens, size in ((shards.train, made.train_bytes), (shards.validation, made.validation_bytes)):
        documents = np.split(tokens, np.flatnonzero(tokens == tokenizer.bos_id))[1:]
        side = [tokenizer.decode(document.tolist()) for document in documents]
        assert sum(len(text.encode()) for text in side) == size
        decoded += side
    assert set(decoded) == texts
    assert made.encoder["name"].startswith(("tiktoken", "tuetoken"))
    assert "identical" in made.encoder["parity"]
    assert {"python", "numpy", "tokenizers", "tiktoken"} <= set(made.created_with)
    assert [line.split(":")[0].split()[0] for line in log] == ["corpus", "tokenizer", "encoder", "dataset"]


def test_second_call_reads_no_document(corpus: CorpusSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare(corpus, BPE, tmp_path / "data")
    monkeypatch.setattr(module, "clean_corpus", forbidden)
    log = Log()
    assert prepare(corpus, BPE, tmp_path / "data", log).manifest == first.manifest
    assert log == [f"dataset {first.manifest.dataset}: reused"]


def test_touched_files_are_read_but_not_encoded_again(
    corpus: CorpusSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare(corpus, BPE, tmp_path / "data")
    os.utime(tmp_path / "texts/a.jsonl", (5, 5))
    monkeypatch.setattr(module, "build", forbidden)
    assert prepare(corpus, BPE, tmp_path / "data").manifest == first.manifest
    monkeypatch.setattr(module, "clean_corpus", forbidden)
    assert prepare(corpus, BPE, tmp_path / "data").manifest == first.manifest


def test_another_content_spec_or_tokenizer_is_another_dataset(corpus: CorpusSpec, tmp_path: Path) -> None:
    root = tmp_path / "data"
    seen = {prepare(corpus, BPE, root).manifest.dataset}
    seen.add(prepare(corpus, TokenizerSpec("bpe", 290), root).manifest.dataset)
    seen.add(prepare(corpus, TokenizerSpec("byte"), root).manifest.dataset)
    seen.add(prepare(dataclasses.replace(corpus, validation_fraction=0.4), BPE, root).manifest.dataset)
    with (tmp_path / "texts/a.jsonl").open("a") as stream:
        stream.write('{"text": "one more document"}\n')
    seen.add(prepare(corpus, BPE, root).manifest.dataset)
    assert len(seen) == 5


def test_same_content_elsewhere_is_the_same_dataset(corpus: CorpusSpec, tmp_path: Path) -> None:
    elsewhere = write_texts(tmp_path / "elsewhere")
    first = prepare(corpus, BPE, tmp_path / "data").manifest
    assert prepare(elsewhere, BPE, tmp_path / "other").manifest.dataset == first.dataset


@pytest.mark.parametrize("file", ["train.bin", "manifest.json", "tokenizer.json", "validation.bin"])
@pytest.mark.parametrize("content", [b"torn", None], ids=["torn", "gone"])
def test_a_damaged_dataset_is_made_again(corpus: CorpusSpec, tmp_path: Path, file: str, content: bytes | None) -> None:
    shards = prepare(corpus, BPE, tmp_path / "data")
    damaged = shards.path / file
    good = damaged.read_bytes()
    if content is None:
        damaged.unlink()
    else:
        damaged.write_bytes(content)
    log = Log()
    again = prepare(corpus, BPE, tmp_path / "data", log)
    assert again.manifest == shards.manifest
    assert damaged.read_bytes() == good
    assert any(line.startswith("tokenizer:") for line in log)


@pytest.mark.parametrize(("fraction", "empty"), [(1e-9, "validation"), (1 - 1e-9, "training")])
def test_a_one_sided_split_is_refused_with_a_fraction_that_helps(tmp_path: Path, fraction: float, empty: str) -> None:
    corpus = dataclasses.replace(write_texts(tmp_path / "texts", count=3), validation_fraction=fraction)
    with pytest.raises(CorpusError, match=rf"all 3 documents .* none into the {empty} split") as refused:
        prepare(corpus, BPE, tmp_path / "data")
    advised = float(str(refused.value).rpartition("set it to ")[2])
    made = prepare(dataclasses.replace(corpus, validation_fraction=advised), TokenizerSpec("byte"), tmp_path / "data")
    assert made.manifest.train_documents >= 1 <= made.manifest.validation_documents


def test_one_document_is_told_apart_from_a_wrong_fraction(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one line without an end, " * 1_000)
    spec = CorpusSpec("text", (str(tmp_path / "a.txt"),))
    with pytest.raises(CorpusError, match=r"one document cannot be split .*cut at lines that hold <.endoftext.> alone"):
        prepare(spec, BPE, tmp_path / "data")
    with pytest.raises(CorpusError, match=r"give more documents; corpus.max_bytes of 30 left out 1: raise it"):
        (tmp_path / "a.jsonl").write_text('{"text": "a short one"}\n{"text": "' + "long " * 99 + '"}\n')
        prepare(CorpusSpec("jsonl", (str(tmp_path / "a.jsonl"),), max_bytes=30), BPE, tmp_path / "data")


def test_errors_leave_no_dataset(corpus: CorpusSpec, tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="the corpus allows bpe only"):
        prepare(corpus, TokenizerSpec("bpe", 50_000), tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["lock"]


def run_prepare(corpus: CorpusSpec, root: Path, before: str = "") -> subprocess.Popen[str]:
    code = f"""
import os, signal
from pathlib import Path
from tokenizer.corpus import CorpusSpec
from tokenizer.dataset import prepare
from tokenizer.vocabulary import TokenizerSpec
{before}
print(prepare({corpus!r}, {BPE!r}, Path({str(root)!r})).manifest.dataset)
"""
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    )


KILL_AT_FLUSH = """
real, calls = os.fsync, 0
def fsync(handle):
    global calls
    calls += 1
    if calls == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
    real(handle)
os.fsync = fsync
"""


@pytest.mark.parametrize("number", [1, 3, 4, 6])
def test_killed_at_any_flush_then_prepared_again(corpus: CorpusSpec, tmp_path: Path, number: int) -> None:
    root = tmp_path / "data"
    killed = run_prepare(corpus, root, KILL_AT_FLUSH.format(number=number))
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    shards = prepare(corpus, BPE, root)
    open_shards(shards.path)
    assert shards.manifest == prepare(corpus, BPE, tmp_path / "reference").manifest
    assert {path.name for path in root.iterdir()} == {"lock", "index", shards.manifest.dataset}


def test_two_processes_at_once(corpus: CorpusSpec, tmp_path: Path) -> None:
    processes = [run_prepare(corpus, tmp_path / "data") for _ in range(2)]
    datasets = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert len(datasets) == 1
    open_shards(tmp_path / "data" / datasets.pop())


@pytest.mark.timeout(60)
def test_a_wait_for_another_process_is_said(corpus: CorpusSpec, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with (tmp_path / "data/lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        lines: list[str] = []

        def report(line: str) -> None:
            lines.append(line)
            fcntl.flock(held, fcntl.LOCK_UN)

        prepare(corpus, BPE, tmp_path / "data", report)
    assert lines[0] == f"waiting for process unknown, which prepares a corpus in {tmp_path}/data"


def test_built_in_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenizer.installed.PACKAGES", ("fsspec", "rich"))
    spec = CorpusSpec(max_bytes=400_000, validation_fraction=0.2)
    shards = prepare(spec, TokenizerSpec(), tmp_path)
    assert shards.manifest.vocab == 1024
    assert shards.manifest.source == "python"
    assert shards.manifest.train_tokens > 50_000
    assert 2.0 < shards.manifest.text_of().bytes_per_token < 4.0
    assert int(shards.train.max()) < 1024

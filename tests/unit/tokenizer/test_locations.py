"""Where a corpus's bytes lie: regular files that nothing waits for, and URLs of fsspec."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.registry import _registry

from tokenizer.corpus import CorpusError, CorpusSpec, read_documents
from tokenizer.corpus_error import CorpusFileError
from tokenizer.locations import location_of, open_bytes, remote_files, state_of, suffix_of


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "missing"])
def test_only_a_regular_file_is_opened_and_nothing_waits(tmp_path: Path, kind: str) -> None:
    path = Path("/dev/zero") if kind == "device" else tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    words = "cannot be read: No such file" if kind == "missing" else "is not a regular file"
    with pytest.raises(CorpusFileError, match=f"^{path}: {words}"):
        open_bytes(path)


@pytest.fixture
def store() -> Iterator[str]:
    """A store of files that only fsspec reaches."""
    system = fsspec.filesystem("memory")
    for name in ("b.jsonl", "deep/a.jsonl.gz", "other.csv"):
        with system.open(f"/corpus/{name}", "wb", compression="infer") as stream:
            stream.write(b'{"text": "from %s"}\n' % name.encode())
    yield "memory://corpus"
    system.rm("/corpus", recursive=True)


def test_a_url_stands_for_a_file_a_glob_or_a_folder(store: str) -> None:
    assert remote_files(f"{store}/b.jsonl", (".jsonl",)) == ["memory:///corpus/b.jsonl"]
    assert remote_files(f"{store}/*.jsonl", (".jsonl",)) == ["memory:///corpus/b.jsonl"]
    assert len(remote_files(store, (".jsonl", ".jsonl.gz"))) == 2
    with pytest.raises(CorpusError, match=r"stands for no file: name a file, a glob, or a folder with \.jsonl"):
        remote_files(f"{store}/nothing", (".jsonl",))


def test_a_corpus_is_read_by_url_and_a_change_is_noticed(store: str) -> None:
    spec = CorpusSpec("jsonl", (store,))
    assert {d.text for d in read_documents(spec).documents} == {"from b.jsonl", "from deep/a.jsonl.gz"}
    before = state_of("memory:///corpus/b.jsonl")
    with fsspec.open("memory://corpus/b.jsonl", "wb") as stream:
        stream.write(b"{}")
    assert state_of("memory:///corpus/b.jsonl") != before
    with pytest.raises(CorpusFileError, match=r"memory:///corpus/b.jsonl:1: no key 'text'"):
        read_documents(spec)


def test_a_scheme_without_a_driver_and_a_file_that_went_are_named() -> None:
    with pytest.raises(CorpusError, match=r"corpus\.paths nothing://a cannot be read: Protocol not known: nothing"):
        remote_files("nothing://a", ())
    with pytest.raises(CorpusFileError, match="memory://gone: cannot be read"):
        open_bytes("memory://gone")


@pytest.mark.parametrize(
    ("scheme", "module", "package"),
    [
        ("s3", "s3fs", "'isoflop[s3]'"),
        ("gs", "gcsfs", "'isoflop[gcs]'"),
        ("hf", "huggingface_hub", "'huggingface_hub'"),
        ("az", "adlfs", None),
    ],
)
def test_a_driver_that_is_missing_is_named(
    scheme: str, module: str, package: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(_registry, scheme, raising=False)
    remedy = f"pip install {package}" if package else "Install adlfs"
    words = re.escape(f"the driver of {scheme}:// is not installed: {remedy}")
    with pytest.raises(CorpusError, match=words):
        remote_files(f"{scheme}://bucket/a.jsonl", (".jsonl",))
    with pytest.raises(CorpusFileError, match=words):
        open_bytes(f"{scheme}://bucket/a.jsonl")


def test_locations_are_paths_or_urls() -> None:
    assert location_of("a/b.gz") == Path("a/b.gz")
    assert location_of("s3://a/b.gz") == "s3://a/b.gz"
    assert suffix_of("s3://a/b.gz") == suffix_of(Path("b.gz")) == ".gz"

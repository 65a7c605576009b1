"""A corpus on S3, from moto's server over HTTP: globs, compressed files, what is missing, denied or truncated."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pyarrow as pa
import pytest

from orchestrator.cluster.prepare_files import StoredFiles, stored_url
from tests.unit.orchestrator.cluster.elsewhere import Elsewhere
from tests.unit.tokenizer.stream.stream_data import in_small_pieces, write_corpus
from tokenizer.corpus import CorpusError, CorpusFileError, CorpusSpec, read_documents
from tokenizer.dataset import prepare
from tokenizer.stream.portions import File
from tokenizer.vocabulary import TokenizerSpec

pytestmark = pytest.mark.slow
BUCKET = "s3://corpus"
NEEDS = "needs isoflop[dev-s3]"


def packed(kind: str, names: list[str]) -> bytes:
    """Lines of JSON, compressed."""
    plain = "".join(json.dumps({"text": f"document {name} of {kind}"}) + "\n" for name in names).encode()
    if kind == "zst":
        return bytes(pa.compress(plain, codec="zstd", asbytes=True))
    return gzip.compress(plain) if kind == "gz" else plain


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a server with a bucket."""
    pytest.importorskip("s3fs", reason=NEEDS)
    moto = pytest.importorskip("moto.server", reason=NEEDS)
    started: Any = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    host, port = started.get_host_and_port()
    url = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        import fsspec

        fsspec.filesystem("s3").clear_instance_cache()
        files = fsspec.filesystem("s3")
        files.mkdir("corpus")
        for kind in ("gz", "zst", "jsonl"):
            name = "jsonl" if kind == "jsonl" else f"jsonl.{kind}"
            files.pipe_file(f"corpus/good/{kind}.{name}", packed(kind, ["a", "b"]))
        for kind in ("gz", "zst"):
            long = packed(kind, [str(i * 7919 % 10007) for i in range(20_000)])
            files.pipe_file(f"corpus/torn/{kind}.jsonl.{kind}", long[: len(long) // 2])
        yield url
    started.stop()


def spec(path: str, **fields: Any) -> CorpusSpec:
    return CorpusSpec("jsonl", (f"{BUCKET}/{path}",), **fields)


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("good", 6),
        ("good/*.gz", 2),
        ("good/*z*", 4),
        ("good/jsonl.jsonl", 2),
        ("good/zst.jsonl.zst", 2),
        ("**/gz.*", 0),
    ],
)
def test_a_file_a_glob_and_a_folder_are_read(server: str, path: str, count: int) -> None:
    if count:
        assert len(read_documents(spec(path)).documents) == count
    else:
        with pytest.raises(CorpusFileError, match=f"{BUCKET}/torn/gz.jsonl.gz"):
            read_documents(spec(path))


@pytest.mark.parametrize("path", ["good/none.jsonl", "none/*.jsonl", "none"])
def test_a_missing_key_is_named(server: str, path: str) -> None:
    with pytest.raises(CorpusError, match=rf"s3://corpus/{path.replace('*', '.')} stands for no file: name a file"):
        read_documents(spec(path))


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_truncated_file_is_an_error_or_counted(server: str, kind: str) -> None:
    path = f"torn/{kind}.jsonl.{kind}"
    with pytest.raises(CorpusFileError, match=rf"^{BUCKET}/{path}:\d+: cannot be read: "):
        read_documents(spec(path))
    read = read_documents(CorpusSpec("jsonl", (f"{BUCKET}/{path}", f"{BUCKET}/good"), invalid="skip"))
    assert len(read.documents) > 6


def test_denied_says_so_and_what_to_check(server: str) -> None:
    import fsspec

    def ask(path: str, data: bytes) -> None:
        headers = {"Content-Type": "text/plain"}
        urlopen(Request(f"{server}/moto-api/{path}", data, headers, method="POST"), timeout=10).close()

    ask("reset-auth", b"0")
    try:
        fsspec.filesystem("s3").invalidate_cache()
        with pytest.raises(CorpusError, match=r"s3://corpus/good cannot be read: .*check the address and the credent"):
            read_documents(spec("good"))
    finally:
        ask("reset-auth", b"inf")


def test_what_lies_between_the_steps_travels_through_a_bucket(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As between nodes that share no folder; equal shards, and nothing of it stays."""
    import fsspec

    monkeypatch.setenv("ISOFLOP_SCRATCH", str(tmp_path / "scratch"))
    in_small_pieces(monkeypatch)
    asked = write_corpus(tmp_path / "texts")
    url = stored_url(f"{BUCKET}/store", tmp_path / "home" / "cleaning")

    def choose(_: Sequence[File], folder: Path) -> Elsewhere:
        return Elsewhere(folder, url)

    alone = prepare(asked, TokenizerSpec("byte"), tmp_path / "alone")
    together = prepare(asked, TokenizerSpec("byte"), tmp_path / "home", choose=choose)
    assert together.manifest.to_dict() == alone.manifest.to_dict()
    files = fsspec.filesystem("s3")
    earlier = StoredFiles(url.replace("cleaning", "earlier"))
    earlier.send(tmp_path / "texts", ["0.jsonl"])
    StoredFiles(url).drop_others()
    assert any(name.endswith(".done") for name in files.find("corpus/store"))
    assert not any(name.endswith(".jsonl") for name in files.find("corpus/store"))
    StoredFiles(url).drop()
    files.invalidate_cache()
    assert files.find("corpus/store") == []

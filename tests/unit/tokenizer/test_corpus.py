"""Corpora: identity by content, duplicates, cap, split, and what a user is told about bad input."""

import gzip
import json
import os
import random
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from tokenizer.corpus import Corpus, CorpusError, CorpusSpec, Document, read_documents
from tokenizer.dedup import ExactDuplicates, content_digest
from tokenizer.installed import PACKAGES, installed_sources, read_source

REPOSITORY = Path(__file__).parents[3]


def write_jsonl(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def jsonl_corpus(path: Path, texts: list[str], **fields: object) -> Corpus:
    return read_documents(CorpusSpec(source="jsonl", paths=(str(write_jsonl(path, texts)),), **fields))  # type: ignore[arg-type]


def texts_of(corpus: Corpus) -> set[str]:
    return {document.text for document in corpus.documents}


def test_documents_are_distinct_and_in_the_order_of_their_hash(tmp_path: Path) -> None:
    corpus = jsonl_corpus(tmp_path / "a.jsonl", ["one", "two", "one", "three", "  ", "two", "one"])
    assert texts_of(corpus) == {"one", "two", "three"}
    assert corpus.duplicates == 3
    digests = [document.digest for document in corpus.documents]
    assert digests == sorted(digests) == [content_digest(document.text) for document in corpus.documents]
    assert corpus.bytes == len("onetwothree")


def test_identity_is_content_whatever_the_files_order_and_times(tmp_path: Path) -> None:
    texts = [f"text number {i}" for i in range(50)]
    first = jsonl_corpus(tmp_path / "a.jsonl", texts)
    (tmp_path / "other").mkdir()
    shuffled = random.Random(1).sample(texts, len(texts))
    write_jsonl(tmp_path / "other/x.jsonl", shuffled[:20])
    os.utime(write_jsonl(tmp_path / "other/y.jsonl", shuffled[20:]), (1, 1))
    second = read_documents(CorpusSpec(source="jsonl", paths=(str(tmp_path / "other"),)))
    assert first.content_hash == second.content_hash
    assert jsonl_corpus(tmp_path / "b.jsonl", texts[1:]).content_hash != first.content_hash


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=60), st.integers(1, 200))
def test_exact_duplicates_admits_each_text_once(texts: list[str], _: int) -> None:
    duplicates = ExactDuplicates()
    admitted = [text for text in texts if duplicates.admit(content_digest(text))]
    assert admitted == list(dict.fromkeys(texts))
    assert duplicates.found == len(texts) - len(admitted)


@pytest.mark.parametrize("cap", [300, 1_000, 3_000])
def test_cap_takes_the_smallest_hashes_whatever_the_order(tmp_path: Path, cap: int) -> None:
    texts = [f"{i:03d}" * (1 + i % 30) for i in range(200)]
    ordered = sorted(texts, key=content_digest)
    expected: list[str] = []
    for text in ordered:
        if sum(map(len, expected)) + len(text) > cap:
            break
        expected.append(text)
    for seed in range(3):
        shuffled = random.Random(seed).sample(texts, len(texts))
        corpus = jsonl_corpus(tmp_path / f"{seed}.jsonl", shuffled, max_bytes=cap)
        assert [document.text for document in corpus.documents] == expected
        assert corpus.left_out == len(texts) - len(expected)


def test_a_document_larger_than_the_cap_does_not_block_the_rest(tmp_path: Path) -> None:
    small = [f"small {i}" for i in range(20)]
    giants = [str(i) * 1_000 for i in range(9)]
    corpus = jsonl_corpus(tmp_path / "a.jsonl", giants + small, max_bytes=500)
    assert texts_of(corpus) == set(small)


def test_split_depends_on_the_document_alone(tmp_path: Path) -> None:
    texts = [f"document {i}" for i in range(2_000)]
    small, large = (jsonl_corpus(tmp_path / "a.jsonl", texts[:n]) for n in (700, 2_000))
    (train, validation), (more_train, more_validation) = small.split(0.1), large.split(0.1)
    assert set(train) <= set(more_train)
    assert set(validation) <= set(more_validation)
    assert set(train) | set(validation) == set(small.documents)
    assert 0.08 < len(more_validation) / 2_000 < 0.12
    assert set(validation) <= set(small.split(0.3)[1])


def test_cap_leaves_the_share_of_validation_as_it_is(tmp_path: Path) -> None:
    """The cap keeps the smallest hashes: a split by the same digits would leave validation alone."""
    corpus = jsonl_corpus(tmp_path / "a.jsonl", [f"document {i:06d}" for i in range(20_000)], max_bytes=15_000)
    train, validation = corpus.split(0.1)
    assert len(train) + len(validation) == 1_000
    assert 60 < len(validation) < 140


def test_text_files_are_cut_at_separators(tmp_path: Path) -> None:
    (tmp_path / "stories.txt").write_text("one\n<|endoftext|>\ntwo\nstill two\n<|endoftext|>\n\n", encoding="utf-8")
    corpus = read_documents(CorpusSpec(source="text", paths=(str(tmp_path / "stories.txt"),)))
    assert texts_of(corpus) == {"one\n", "two\nstill two\n"}


@pytest.mark.parametrize("line", ["to be or not to be\n", "to be\n\n", "no blank line"])
def test_long_text_files_are_cut_into_documents_that_lose_nothing(tmp_path: Path, line: str) -> None:
    content = "".join(f"{i} {line}" for i in range(10_000))
    (tmp_path / "long.md").write_text(content, encoding="utf-8")
    corpus = read_documents(CorpusSpec(source="text", paths=(str(tmp_path),)))
    assert corpus.bytes == len(content)
    assert all(document.text in content for document in corpus.documents)
    assert (len(corpus.documents) > 4) == line.endswith("\n")


def test_line_ends_are_kept(tmp_path: Path) -> None:
    (tmp_path / "dos.txt").write_bytes(b"one\r\ntwo\rthree\n")
    assert texts_of(read_documents(CorpusSpec(source="text", paths=(str(tmp_path),)))) == {"one\r\ntwo\rthree\n"}


def test_gzip_and_globs(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write('{"text": "gzipped"}\n\n')
    (tmp_path / "deep").mkdir()
    write_jsonl(tmp_path / "deep/b.jsonl", ["deep"])
    write_jsonl(tmp_path / "deep/c.other", ["other"])
    glob = CorpusSpec(source="jsonl", paths=(str(tmp_path / "**/*"), str(tmp_path / "deep/b.jsonl")))
    assert texts_of(read_documents(glob)) == {"gzipped", "deep", "other"}
    assert texts_of(read_documents(CorpusSpec(source="jsonl", paths=(str(tmp_path),)))) == {"gzipped", "deep"}


def test_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["a", None, "b", "a"], "n": [1, 2, 3, 4]}), tmp_path / "a.parquet")
    corpus = read_documents(CorpusSpec(source="parquet", paths=(str(tmp_path),), text_key="body"))
    assert texts_of(corpus) == {"a", "b"}
    assert corpus.duplicates == 1


BAD_FILES = {
    "not json": ("jsonl", b'{"text": "a"}\n{"text": \n', r"{file}:2: not JSON .*each line must hold one JSON object"),
    "no object": ("jsonl", b'"text"\n', r"{file}:1: .*must hold a JSON object, this one holds str"),
    "no key": ("jsonl", b'{"a": 1, "b": 2}\n', r"{file}:1: no key 'text'; set corpus.text_key to one of .*\(a, b\)"),
    "no string": ("jsonl", b'\n{"text": 3}\n', r"{file}:2: 'text' holds int, not a string"),
    "surrogate": ("jsonl", b'{"text": "\\ud800"}\n', r"{file}:1: 'text' holds half of a surrogate pair"),
    "no utf-8 line": ("jsonl", b'{"text": "a"}\n{"text": "\xff"}\n', r"{file}:2: not UTF-8 at byte 10 of the line"),
    "no utf-8 text": ("text", b"good\nbad \xff\n", r"{file}:2: not UTF-8 at byte 4 of the line; convert the file"),
    "blank": ("text", b"\n \n", r"no text in 1 files of {file}; name files that hold some"),
    "no parquet": ("parquet", b"text", r"{file}: not a readable Parquet file"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_named_with_their_line(tmp_path: Path, case: str) -> None:
    source, content, message = BAD_FILES[case]
    file = tmp_path / "bad.dat"
    file.write_bytes(content)
    with pytest.raises(CorpusError, match=message.replace("{file}", re.escape(str(file)))):
        read_documents(CorpusSpec(source=source, paths=(str(file),)))


def test_a_truncated_gzip_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"some text\n" * 1_000)[:-9])
    with pytest.raises(CorpusError, match=r"a\.txt\.gz: cannot be read"):
        read_documents(CorpusSpec(source="text", paths=(str(tmp_path / "a.txt.gz"),)))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("text", r"no column 'text'; set corpus.text_key to one of its columns \(body, n\)"),
        ("n", "column 'n' holds int64"),
    ],
)
def test_wrong_parquet_columns(tmp_path: Path, column: str, message: str) -> None:
    pq.write_table(pa.table({"body": ["a"], "n": [1]}), tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match=message):
        read_documents(CorpusSpec(source="parquet", paths=(str(tmp_path),), text_key=column))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.txt", r"nowhere\.txt does not exist \(looked in "),
        ("*.nothing", r"the glob .*\*\.nothing matches no file"),
        ("", r"holds no \.txt, \.md, .* file; name a glob"),
    ],
)
def test_paths_that_lead_nowhere(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read_documents(CorpusSpec(source="text", paths=(str(tmp_path / name),)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"source": "web"}, "corpus.source is 'web': choose one of python, text, jsonl, parquet"),
        ({"paths": ("a",)}, "the source python takes none"),
        ({"source": "text"}, "corpus.paths is empty"),
        ({"max_bytes": 0}, "corpus.max_bytes must be at least 1"),
        ({"validation_fraction": 0.0}, "corpus.validation_fraction must lie between 0 and 1"),
        ({"validation_fraction": 1.0}, "corpus.validation_fraction must lie between 0 and 1"),
    ],
)
def test_wrong_specs(fields: dict[str, object], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        CorpusSpec(**fields)  # type: ignore[arg-type]


def test_too_small_a_cap_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"corpus\.max_bytes of 5 leaves none of 2 documents: raise it"):
        jsonl_corpus(tmp_path / "a.jsonl", ["long text", "longer text"], max_bytes=5)


def test_spec_is_a_structured_config() -> None:
    config = OmegaConf.merge(OmegaConf.structured(CorpusSpec), {"source": "text", "paths": ["a.txt", "b.txt"]})
    assert OmegaConf.to_object(config) == CorpusSpec(source="text", paths=("a.txt", "b.txt"))
    assert isinstance(OmegaConf.to_object(config).paths, tuple)


@pytest.fixture(scope="module")
def built_in() -> Corpus:
    return read_documents(CorpusSpec(max_bytes=2_000_000))


def test_built_in_corpus_fills_its_cap_with_a_mix(built_in: Corpus) -> None:
    assert 1_500_000 < built_in.bytes <= 2_000_000
    origins = {document.origin.split("/")[0] for document in built_in.documents}
    assert {"stdlib", "torch", "sympy"} <= origins
    train, validation = built_in.split(0.1)
    assert train
    assert validation


def test_built_in_corpus_holds_sources_people_wrote(built_in: Corpus) -> None:
    for document in built_in.documents:
        folders = set(document.origin.split("/")[:-1])
        assert not folders & {"test", "tests", "idle_test", "site-packages"}, document.origin
        assert document.origin.endswith(".py")
        assert "_pb2" not in document.origin
        assert max(map(len, document.text.encode().split(b"\n"))) <= 1_000


def test_built_in_corpus_is_large_enough_for_its_cap() -> None:
    files, _ = installed_sources()
    stdlib = sum(path.stat().st_size for path, origin in files if origin.startswith("stdlib/"))
    packages = sum(path.stat().st_size for path, origin in files if not origin.startswith("stdlib/"))
    assert stdlib > 8_000_000
    assert packages > 1.2 * CorpusSpec().max_bytes


@pytest.mark.parametrize(
    "content",
    [
        b"# Code generated by protoc-gen. DO NOT EDIT.\nx = 1\n",
        b'"""Python Character Mapping Codec generated from \'X.TXT\'."""\n',
        b"x = '" + b"a" * 2_000 + b"'\n",
        b"TABLE = [" + b"123456, " * 40 + b"]\n",
        b"x = '\xff'\n",
    ],
    ids=["generated", "codec", "long line", "digits", "not utf-8"],
)
def test_generated_files_and_tables_are_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.py").write_bytes(content)
    assert read_source(tmp_path / "a.py") is None
    assert read_source(tmp_path / "gone.py") is None
    (tmp_path / "b.py").write_bytes(b"def one() -> int:\n    return 1\n")
    assert read_source(tmp_path / "b.py") == "def one() -> int:\n    return 1\n"


def test_missing_packages_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenizer.installed.PACKAGES", ("no-such-distribution", "typer"))
    files, notes = installed_sources()
    assert notes == ("not installed, left out of the corpus: no-such-distribution",)
    assert any(origin.startswith("typer/") for _, origin in files)


def test_packages_are_pinned() -> None:
    constraints = REPOSITORY / "constraints.txt"
    if not constraints.exists():
        pytest.skip("constraints.txt is not written yet")
    lines = constraints.read_text(encoding="utf-8").splitlines()
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0].strip()).lower() for line in lines if "==" in line}
    assert set(PACKAGES) <= pinned


def test_documents_are_equal_by_text_and_origin() -> None:
    assert Document("ä", "a").bytes == 2
    assert Document("a", "x") == Document("a", "x")

"""Reading the user's files: how they are cut into documents, and messages about bad ones."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.tokenizer.tokenizer_data import texts_of, write_jsonl
from tokenizer import files, readers
from tokenizer.corpus import CorpusError, CorpusSpec, read_documents

BAD_FILES = {
    "not json": ("jsonl", b'{"text": "a"}\n{"text": \n', r"{file}:2: not JSON .*each line must hold one JSON object"),
    "no object": ("jsonl", b'"text"\n', r"{file}:1: .*must hold a JSON object, this one holds str"),
    "no key": ("jsonl", b'{"a": 1, "b": 2}\n', r"{file}:1: no key 'text'; set corpus.text_key to one of .*\(a, b\)"),
    "no string": ("jsonl", b'\n{"text": 3}\n', r"{file}:2: 'text' holds int, not a string"),
    "surrogate": ("jsonl", b'{"text": "\\ud800"}\n', r"{file}:1: 'text' holds half of a surrogate pair"),
    "no utf-8 line": ("jsonl", b'{"text": "a"}\n{"text": "\xff"}\n', r"{file}:2: not UTF-8 at byte 10 of the line"),
    "no utf-8 text": ("text", b"good\nbad \xff\n", r"{file}:2: not UTF-8 at byte 4 of the line; convert the file"),
    "blank": ("text", b"\n \n", r"no text in 1 file of {file}; name files that hold some"),
    "no parquet": ("parquet", b"text", r"{file}: not a readable Parquet file"),
}


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
    assert len(corpus.documents) > 4


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


@pytest.mark.parametrize(("line", "lengths"), [("a b\n", [8, 8, 8, 4]), ("\n", [4, 4, 4, 2])])
def test_stretches_are_cut_beyond_their_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, lengths: list[int]
) -> None:
    """At a blank line from the length on, at any line end from twice of it on."""
    monkeypatch.setattr(readers, "DOCUMENT_LENGTH", 4)
    path = tmp_path / "a.txt"
    path.write_text(line * (7 if line != "\n" else 14))
    assert [len(text) for text in readers.read_text(path)][: len(lengths)] == lengths


def test_separators_end_documents_wherever_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a\n  <|endoftext|>  \n<|endoftext|>\nb <|endoftext|>\n")
    assert list(readers.read_text(path)) == ["a\n", "", "b <|endoftext|>\n"]


def test_paths_stand_for_files_once_and_sorted(tmp_path: Path) -> None:
    for name in ("b.txt", "a.md", "c.jsonl", "d.txt.gz", "sub/e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = files.files_of("text", (str(tmp_path), str(tmp_path / "b.txt"), str(tmp_path / "*.md")))
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a.md", "b.txt", "d.txt.gz", "sub/e.txt"]
    assert files.files_of("text", (str(tmp_path / "c.jsonl"),)) == [tmp_path / "c.jsonl"], (
        "a named file is taken as it is"
    )

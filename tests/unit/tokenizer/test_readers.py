"""Reading one file of the user's: how it is cut into documents, and messages about what cannot be read."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.tokenizer.tokenizer_data import texts_of
from tokenizer import readers
from tokenizer.corpus import SOURCES, CorpusError, CorpusSpec, read_documents
from tokenizer.corpus_error import CorpusFileError
from tokenizer.stream.portions import Portion
from tokenizer.stream.reading import read_portion
from tokenizer.stream.runs import PREFIXES, read_run

BAD_FILES = {
    "not json": ("jsonl", b'{"text": "a"}\n{"text": \n', r"{file}:2: not JSON .*each line must hold one JSON object"),
    "no object": ("jsonl", b'"text"\n', r"{file}:1: .*must hold a JSON object, this one holds str"),
    "no key": ("jsonl", b'{"a": 1, "b": 2}\n', r"{file}:1: no key 'text'; set corpus.text_key to one of .*\(a, b\)"),
    "too many digits": (
        "jsonl",
        b'{"text": "a", "n": %s}' % (b"7" * 4_301),
        r"{file}:1: an integer with too many digits",
    ),
    "too deep": ("jsonl", b'{"text": "a"}\n' + b"[" * 100_000, r"{file}:2: JSON nested too deeply"),
    "objects too deep": ("jsonl", b'{"a":' * 100_000, r"{file}:1: JSON nested too deeply"),
    "NUL in a line": ("jsonl", b'{"text": "a\0b"}', r"{file}:1: not JSON \(Invalid control character"),
    "ends in a character": ("text", "é".encode()[:1], r"{file}:1: not UTF-8 at byte 0 of the line"),
    "line ends in a character": ("text", b"a\nb\xe6\x9d\n", r"{file}:2: not UTF-8 at byte 1 of the line"),
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
    with pytest.raises(CorpusError, match=r"a\.txt\.gz:1: cannot be read: damaged gzip data"):
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


def damaged(content: bytes, how: str) -> bytes:
    """Gzipped content that was damaged."""
    packed = bytearray(gzip.compress(content))
    match how:
        case "checksum":
            packed[-8] ^= 1
        case "length":
            packed[-1] ^= 1
        case "header":
            packed[2] = 9
        case "truncated":
            del packed[-20:]
        case "one byte":
            del packed[1:]
        case "rubbish behind":
            packed += b"rubbish"
        case "body":
            packed[30:40] = b"\xff" * 10
    return bytes(packed)


@pytest.mark.parametrize("source", ["text", "jsonl"])
@pytest.mark.parametrize("how", ["checksum", "length", "header", "truncated", "one byte", "rubbish behind", "body"])
def test_damaged_gzip_is_an_error_that_names_file_and_line(tmp_path: Path, source: str, how: str) -> None:
    file = tmp_path / "a.gz"
    lines = b"".join(b'{"text": "%s"}\n' % str(i * i).encode().hex().encode() for i in range(3_000))
    file.write_bytes(damaged(lines, how))
    with pytest.raises(CorpusFileError, match=rf"^{file}:(\d+: cannot be read: .|.*no gzip data)") as refused:
        read_documents(CorpusSpec(source=source, paths=(str(file),)))
    assert b"rubbish"[:2] not in str(refused.value).encode()


@pytest.mark.parametrize("size", [readers.LONGEST_LINE - 7, readers.LONGEST_LINE + 1, 400_000, 1_000_000])
@pytest.mark.parametrize("word", ["anarchism originated as ", "東京", "x", "é"])
def test_a_long_line_is_cut_into_documents_that_lose_nothing(tmp_path: Path, size: int, word: str) -> None:
    text = (word * size)[:size]
    path = tmp_path / "a.txt"
    path.write_text(f"first\n{text}\nlast\n", encoding="utf-8")
    documents = list(readers.read_text(path))
    assert "".join(documents) == f"first\n{text}\nlast\n"
    if size < readers.LONGEST_LINE:
        assert documents == [f"first\n{text}\n", "last\n"]
    else:
        assert max(map(len, documents)) < 2 * (readers.DOCUMENT_LENGTH * 2)
        assert len(documents) > size // 40_000
    if " " in word and size > readers.LONGEST_LINE:
        assert all(document.startswith(" ") for document in documents[1:-1])
        assert max(map(len, documents[1:-2])) <= readers.DOCUMENT_LENGTH + len(word)


def test_a_long_line_is_cut_alike_wherever_it_is_read_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("some wörds and 東京 😀 " * 20_000, encoding="utf-8")
    expected = list(readers.read_text(path))
    monkeypatch.setattr(readers, "_BLOCK", 1_013)
    assert list(readers.read_text(path)) == expected


@pytest.mark.parametrize("block", [1, 2, 3, 5, 64])
def test_the_place_of_a_wrong_byte_is_that_in_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(readers, "_BLOCK", block)
    path = tmp_path / "a.txt"
    path.write_bytes("eins\nzwölf 東".encode() + b"\xff more\n")
    with pytest.raises(CorpusFileError, match=rf"^{path}:2: not UTF-8 at byte 10 of the line"):
        list(readers.read_text(path))


def test_a_line_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "LONGEST_RECORD", 1 << 20)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n{"text": "' + b"a" * (1 << 24)))
    with pytest.raises(CorpusFileError, match=rf"^{path}:2: a line of more than 1 MiB; each line must hold one JSON"):
        list(readers.read_jsonl(path, "text"))


def test_lines_of_json_may_begin_with_a_mark_and_end_without_a_line_end(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "a"}\r\n\n{"text": "b", "n": 1e999, "m": NaN}')
    assert list(readers.read_jsonl(tmp_path / "a.jsonl", "text")) == ["a", "b"]


def test_messages_list_few_and_short_names_without_control_characters(tmp_path: Path) -> None:
    names = ["\x1b[31m", "k" * 100, *map(str, range(40))]
    (tmp_path / "a.jsonl").write_text(json.dumps(dict.fromkeys(names)))
    with pytest.raises(CorpusFileError) as refused:
        list(readers.read_jsonl(tmp_path / "a.jsonl", "text"))
    message = str(refused.value)
    assert r"(\x1b[31m, kkk" in message and message.endswith("…, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, and 30 more)")
    assert "\x1b" not in message and len(message) < 400


def _json_garbage() -> st.SearchStrategy[bytes]:
    """Lines that are nearly JSON."""
    values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=4)
    records = st.dictionaries(st.sampled_from(["text", "", "\ud800", "t" * 50, "\x1b"]) | st.text(), values, max_size=4)
    lines = records.map(json.dumps).map(str.encode) | values.map(json.dumps).map(str.encode) | st.binary(max_size=40)
    numbers = st.integers(4_290, 4_310).map(lambda digits: b'{"text": "a", "n": -%s}' % (b"1" * digits))
    nested = st.integers(1, 4_000).map(lambda depth: b'{"text": "a", "n": ' + b'{"a":[' * depth + b"]}" * depth + b"}")
    return st.lists(lines | numbers | nested, max_size=6).map(b"\n".join)


def _parquet_file() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": ["some", "words", None, "é" * 50], "n": [1, 2, 3, 4]}), sink)
    return bytes(sink.getvalue().to_pybytes())


PARQUET = _parquet_file()


@st.composite
def _spoilt(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """A file of which some bytes were changed, or the end cut off."""
    content = bytearray(draw(whole))
    for _ in range(draw(st.integers(0, 4))):
        if content:
            content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.integers(0, len(content)) | st.just(len(content)))])


GARBAGE = (
    st.binary(max_size=600)
    | _json_garbage()
    | _spoilt(_json_garbage().map(gzip.compress))
    | _spoilt(st.just(PARQUET))
    | st.sampled_from([b"\x1f\x8b", b"PAR1", b"\xff\xfe", b"BZh9", b"PK\x03\x04"]).flatmap(
        lambda magic: st.binary(max_size=200).map(lambda rest: magic + rest)
    )
)


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(content=GARBAGE, name=st.sampled_from(["a.txt", "a.jsonl.gz", "a"]), key=st.sampled_from(["text", "n", "", "é"]))
@example(content=b"", name="a.jsonl.gz", key="text")
@example(content=b'{"text": "\\ud800"}', name="a", key="text")
def test_whatever_a_file_holds_only_expected_errors_come_out(
    tmp_path: Path, content: bytes, name: str, key: str
) -> None:
    (tmp_path / name).write_bytes(content)
    portion = Portion(((str(tmp_path / name), name),), "", len(content))
    for source in SOURCES[1:]:
        spec = CorpusSpec(source=source, paths=(str(tmp_path / name),), text_key=key)
        try:
            read_portion(spec, portion, tmp_path, "p")
        except CorpusFileError as error:
            assert str(tmp_path / name) in str(error)
        lenient = read_portion(dataclasses.replace(spec, invalid="skip"), portion, tmp_path, "p")
        texts = [stored.raw.decode() for run in lenient.runs for stored in read_run(tmp_path / run, 0, PREFIXES)]
        assert len(set(texts)) == len(texts) <= lenient.documents

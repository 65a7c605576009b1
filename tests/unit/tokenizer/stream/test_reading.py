"""Reading a portion: rules, what is invalid, samples, runs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tokenizer.corpus import CorpusError, CorpusSpec, read_documents, source_files
from tokenizer.corpus_error import CorpusFileError
from tokenizer.dedup import content_digest
from tokenizer.stream import reading as module
from tokenizer.stream.portions import Portion, portions
from tokenizer.stream.reading import Read, read_portion
from tokenizer.stream.runs import PREFIXES, read_run

INVALID = {
    "not UTF-8": b'{"text": "bad \xff here"}\n',
    "not JSON": b'{"text": \n',
    "no JSON object": b"[1]\n",
    "no such key": b'{"body": "a"}\n',
    "not a string": b'{"text": 1}\n',
    "half a surrogate pair": b'{"text": "\\ud800"}\n',
    "NUL": b'{"text": "a\\u0000b"}\n',
}


def read(spec: CorpusSpec, folder: Path) -> Read:
    (portion,) = portions(spec.source, source_files(spec)[0])
    return read_portion(spec, portion, folder, "p")


@pytest.mark.parametrize("reason", INVALID)
def test_what_is_no_text_stops_or_is_counted(tmp_path: Path, reason: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "first"}\n' + INVALID[reason] * 2 + b'{"text": "last"}\n')
    with pytest.raises(CorpusFileError, match=rf"^{path}:?"):
        read(CorpusSpec("jsonl", (str(path),)), tmp_path)
    found = read(CorpusSpec("jsonl", (str(path),), invalid="skip"), tmp_path)
    assert found.invalid == {reason: 2}
    assert found.documents == 2


def test_a_text_that_is_not_utf8_spoils_its_document_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\n<|endoftext|>\ntwo \xff\xfe" + b"x" * 500_000 + b"\xff\nmore\n<|endoftext|>\nthree\n")
    corpus = read_documents(CorpusSpec("text", (str(path),), invalid="skip"))
    assert {document.text for document in corpus.documents} == {"one\n", "three\n"}
    assert read(CorpusSpec("text", (str(path),), invalid="skip"), tmp_path).invalid == {"not UTF-8": 1}


def test_the_rest_of_a_truncated_file_is_skipped_and_counted(tmp_path: Path) -> None:
    lines = b"".join(b'{"text": "%s"}\n' % str(i**5).encode() for i in range(20_000))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines)[:-5_000])
    (tmp_path / "b.jsonl").write_bytes(b'{"text": "whole"}\n')
    found = read(CorpusSpec("jsonl", (str(tmp_path),), invalid="skip"), tmp_path)
    assert found.invalid == {"rest of a damaged file": 1}
    assert 1_000 < found.documents < 20_000


def test_separators_and_whole_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n---\ntwo\n<|endoftext|>\n" + "long line\n" * 5_000)
    (tmp_path / "b.txt").write_text("")
    cut = read_documents(CorpusSpec("text", (str(tmp_path),), separator="---"))
    assert "one\n" in {document.text for document in cut.documents}
    assert len(cut.documents) > 2
    whole = read_documents(CorpusSpec("text", (str(tmp_path),), whole_files=True))
    assert [document.text for document in whole.documents] == [(tmp_path / "a.txt").read_text()]


def test_a_whole_file_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenizer.readers.LONGEST_RECORD", 1_000_000)
    (tmp_path / "a.txt").write_text("x" * 2_000_000)
    spec = CorpusSpec("text", (str(tmp_path / "a.txt"),), whole_files=True)
    with pytest.raises(CorpusFileError, match=r"a\.txt: more than 1 M characters .* leave out corpus\.whole_files"):
        read(spec, tmp_path)


def test_rules_are_counted_with_the_samples_of_the_smallest_digests(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"text": "{"word " * i}"}}\n' for i in range(1, 40)))
    found = read(CorpusSpec("jsonl", (str(path),), rules={"words_least": 30}), tmp_path)
    assert found.thrown == {"words_least": 29}
    assert len(found.samples["words_least"]) == module.SAMPLES
    assert found.samples["words_least"] == sorted(found.samples["words_least"])
    with pytest.raises(
        CorpusError, match=r"threw all 39 documents away, words_least most of them \(39\): leave it out"
    ):
        read_documents(CorpusSpec("jsonl", (str(path),), rules={"words_least": 99}))


def test_a_run_is_written_whenever_memory_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RUN_BYTES", 100)
    (tmp_path / "a.jsonl").write_text("".join(f'{{"text": "number {i % 30}"}}\n' for i in range(60)))
    found = read(CorpusSpec("jsonl", (str(tmp_path),)), tmp_path)
    assert len(found.runs) > 3
    texts = [stored.raw for run in found.runs for stored in read_run(tmp_path / run, 0, PREFIXES)]
    assert len(set(texts)) == 30 and len(found.runs) == -(-sum(map(len, texts)) // 108), "each of 108 bytes"


def test_the_first_of_equal_documents_gives_the_origin_and_blank_ones_do_not_count(tmp_path: Path) -> None:
    for name, texts in (("a", ["é", " \n"]), ("b", ["é"])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    found = read(CorpusSpec("jsonl", (str(tmp_path),)), tmp_path)
    assert (found.documents, found.bytes) == (2, 4)
    (stored,) = read_run(tmp_path / found.runs[0], 0, PREFIXES)
    assert stored.origin.endswith("a.jsonl")


def test_what_portions_held_is_added_up() -> None:
    first, second = Read(1, 10), Read(2, 20)
    first.throw("a", "  some text ")
    for text in ("other", "third", "fourth"):
        second.throw("a", text)
    second.runs.append("x.run")
    first.add(second)
    assert (first.documents, first.bytes, first.thrown, first.runs) == (3, 30, {"a": 4}, ["x.run"])
    digests = sorted(content_digest(text).hex() for text in ("  some text ", "other", "third", "fourth"))
    assert [digest for digest, _ in first.samples["a"]] == digests[:3], "the smallest digests of both"
    alone = Read()
    alone.throw("a", "\n" + "x" * 300)
    assert alone.samples["a"][0][1] == "x" * 200


def test_a_file_that_went_is_named(tmp_path: Path) -> None:
    gone = Portion(((str(tmp_path / "gone.jsonl"), "gone"),), "", 1)
    with pytest.raises(CorpusFileError, match=r"gone\.jsonl: cannot be read: No such file"):
        read_portion(CorpusSpec("jsonl", (str(tmp_path),)), gone, tmp_path, "p")

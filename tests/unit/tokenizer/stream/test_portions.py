"""Files are cut into portions that hold every document once."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tokenizer.corpus import CorpusError, CorpusSpec, read_documents, source_files
from tokenizer.readers import Span, line_at, read_jsonl
from tokenizer.stream import portions as module
from tokenizer.stream.portions import File, portions

LINES = [{"text": f"line {i} " + "é" * (i % 7)} for i in range(40)]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in LINES), encoding="utf-8")
    return path


@pytest.mark.parametrize("size", [1, 13, 100, 10_000])
def test_ranges_of_lines_hold_every_line_once(lines: Path, size: int) -> None:
    total = lines.stat().st_size
    spans = [Span(begin, begin + size) for begin in range(0, total, size)]
    texts = [text for span in spans for text in read_jsonl(lines, "text", span=span)]
    assert texts == [line["text"] for line in LINES]


def test_a_line_in_the_middle_has_its_number_in_the_file(lines: Path) -> None:
    content = lines.read_bytes()
    for begin in range(1, len(content), 17):
        expected = content[: begin - 1].count(b"\n") + 1 + (b"\n" in content[begin - 1 :])
        assert line_at(lines, begin) == expected or b"\n" not in content[begin - 1 :]


@pytest.mark.parametrize("portion", [60, 400, 10_000])
@pytest.mark.parametrize("kind", ["jsonl", "parquet", "gzip"])
def test_a_corpus_is_the_same_however_it_is_cut(
    tmp_path: Path, lines: Path, monkeypatch: pytest.MonkeyPatch, portion: int, kind: str
) -> None:
    source, path = "jsonl", lines
    if kind == "parquet":
        source, path = "parquet", tmp_path / "a.parquet"
        pq.write_table(pa.table({"text": [line["text"] for line in LINES]}), path, row_group_size=7)
    if kind == "gzip":
        path = tmp_path / "a.jsonl.gz"
        path.write_bytes(gzip.compress(lines.read_bytes()))
    spec = CorpusSpec(source, (str(path),))
    whole = read_documents(spec)
    monkeypatch.setattr(module, "PORTION_BYTES", portion)
    cut = list(portions(source, source_files(spec)[0]))
    assert (len(cut) > 1) == (kind != "gzip" and portion < path.stat().st_size)
    assert read_documents(spec).documents == whole.documents


def test_small_files_share_a_portion(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text(f"text {number}")
    (found,) = portions("text", source_files(CorpusSpec("text", (str(tmp_path),)))[0])
    assert [Path(name).name for name, _ in found.files] == [f"{number}.txt" for number in range(5)]


def named(*sizes: int) -> list[File]:
    """Files of so many bytes that are not there."""
    return [File(Path(f"/{number}.txt"), f"{number}", size, "") for number, size in enumerate(sizes)]


def test_a_large_file_ends_the_portion_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PORTION_BYTES", 100)
    cut = [[origin for _, origin in portion.files] for portion in portions("text", named(10, 200, 30, 60, 20, 5))]
    assert cut == [["0"], ["1"], ["2", "3", "4"], ["5"]]


def test_row_groups_are_joined_up_to_the_size_of_a_portion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PORTION_BYTES", 100)
    monkeypatch.setattr(module, "row_group_bytes", lambda _: [60, 40, 30, 200, 10])
    cut = [(portion.begin, portion.end, portion.bytes) for portion in module._of_groups(*named(340))]
    assert cut == [(0, 2, 100), (2, 3, 30), (3, 4, 200), (4, 5, 10)]


def test_a_mistake_in_a_range_is_named_with_the_line_of_the_file(lines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PORTION_BYTES", 100)
    with lines.open("a", encoding="utf-8") as stream:
        stream.write('\n{"text": 3}\n')
    with pytest.raises(CorpusError, match=rf"^{lines}:41: 'text' holds int, not a string"):
        read_documents(CorpusSpec("jsonl", (str(lines),)))

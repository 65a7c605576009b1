"""The verbs of tokenizers: files that are written and read, streams, forms of the result, and mistakes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.orchestrator.cli.conftest import Done, Isoflop

HARD = "<|bos|> it's  we'll\r\n\tГрад e\u0301 👩‍👩‍👧 \x00 end   \n"


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(40):
        lines = (f"the sum of {number} and {other} is {number + other}, as always" for other in range(30))
        (folder / f"{number}.txt").write_text("\n".join(lines) + "\n<|endoftext|>\n" + f"Größe {number}\n" * 9)
    return folder


@pytest.fixture
def made(isoflop: Isoflop, texts: Path, tmp_path: Path) -> Path:
    out = tmp_path / "mine.json"
    done = isoflop("tokenizer", "train", texts, "--vocab", 300, "--out", out, "-o", "json")
    assert done.code == 0, done.stderr
    assert (done.json["tokenizer"], done.json["entries"], done.json["file"]) == ("bpe-300", 300, str(out))
    return out


def piped(isoflop: Isoflop, monkeypatch: pytest.MonkeyPatch, content: bytes, *arguments: object) -> Done:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))
    return isoflop("tokenizer", *arguments)


def test_ids_of_a_text_come_back_as_the_text(
    isoflop: Isoflop, made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ids = piped(isoflop, monkeypatch, HARD.encode(), "encode", made).stdout
    assert all(word.isdecimal() for word in ids.split())
    assert piped(isoflop, monkeypatch, ids.encode(), "decode", made).stdout == HARD
    document = piped(isoflop, monkeypatch, HARD.encode(), "encode", made, "-o", "json")
    assert document.json["bytes"] == len(HARD.encode())
    assert document.json["ids"] == [int(word) for word in ids.split()]
    assert document.json["tokens"] == len(document.json["ids"])
    again = piped(isoflop, monkeypatch, document.stdout.encode(), "decode", made, "-o", "json").json
    assert again == {"tokenizer": "bpe-300", "text": HARD}
    (tmp_path / "t.txt").write_text(HARD, newline="")
    rows = list(
        csv.DictReader(io.StringIO(isoflop("tokenizer", "encode", made, tmp_path / "t.txt", "-o", "csv").stdout))
    )
    assert [row["id"] for row in rows] == ids.split()
    assert isoflop("tokenizer", "decode", made, tmp_path / "t.txt").code == 2


def test_training_is_the_same_whatever_the_order_of_files(isoflop: Isoflop, made: Path, texts: Path) -> None:
    files = sorted(texts.iterdir(), reverse=True)
    done = isoflop("tokenizer", "train", *files, "--vocab", 300, "--out", "-")
    assert done.stdout == made.read_text()


@pytest.mark.parametrize("kind", ["byte", "character", "word"])
def test_every_kind_is_written_and_read(isoflop: Isoflop, texts: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"{kind}.json"
    assert isoflop("tokenizer", "train", texts, "--kind", kind, "--vocab", 265, "--out", out).code == 0
    (tmp_path / "t.txt").write_text("the sum, Größe")
    ids = isoflop("tokenizer", "encode", out, tmp_path / "t.txt").stdout
    (tmp_path / "ids.txt").write_text(ids)
    assert isoflop("tokenizer", "decode", out, tmp_path / "ids.txt").stdout == "the sum, Größe"


def compared(isoflop: Isoflop, *arguments: object) -> list[dict[str, Any]]:
    done = isoflop("tokenizer", "compare", *arguments, "--vocab", 300, "--vocab", 400, "-o", "json")
    assert done.code == 0, done.stderr
    return list(done.json["tokenizers"])


def test_a_comparison_counts_as_flops_do(
    isoflop: Isoflop, made: Path, texts: Path, saved: list[tuple[Any, Path]], tmp_path: Path
) -> None:
    from model.config import ModelConfig
    from model.flops import flops_by_part

    rows = compared(isoflop, texts, "--tokenizer", made, "--width", 32, "--out", tmp_path / "why.png")
    names = [row["name"].partition("-")[0] for row in rows]
    assert names == ["byte", "character", "word", "bpe", "bpe", "bpe"]
    byte, *_, small, large, mine = rows
    parts = flops_by_part(ModelConfig(257, 128, 32, 4, 1, 85))
    assert byte["flops_per_byte"] == pytest.approx(sum(parts.values()))
    assert byte["head_flops_per_byte"] == pytest.approx(6 * 257 * 32)
    assert large["bytes_per_token"] >= small["bytes_per_token"] > byte["bytes_per_token"] == 1
    same = {key: value for key, value in mine.items() if key != "encode_mb_per_second"}
    assert same == pytest.approx({key: small[key] for key in same})
    assert [path.name for _, path in saved] == ["why.png"]


def test_a_comparison_as_table_and_csv(isoflop: Isoflop, texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "220")
    shown = isoflop("tokenizer", "compare", texts, "--vocab", 300).stdout.splitlines()
    assert shown[0] == "Tokenizers on one corpus. FLOPs: 4 layers of width 64, MLP 171, context 128 tokens."
    assert {"bytes/token", "FLOPs/byte", "head"} <= set(shown[1].split())
    assert [line.partition("-")[0] for line in shown[2:]] == ["byte", "character", "word", "bpe"]
    rows = list(csv.DictReader(io.StringIO(isoflop("tokenizer", "compare", texts, "--vocab", 300, "-o", "csv").stdout)))
    assert float(rows[0]["bytes_per_token"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "nowhere/", "--out", "t.json"), "nowhere/ does not exist"),
        (("train", "--out", "-", "-o", "json"), "- is stdout, where the tokenizer goes"),
        (("train", "TEXTS", "--kind", "bpx", "--out", "t.json"), "tokenizer.kind is 'bpx'"),
        (("train", "TEXTS", "--vocab", "9", "--out", "t.json"), "raise it"),
        (("train", "TEXTS", "--kind", "word", "--vocab", "9000", "--out", "t.json"), "the corpus allows word only"),
        (("train", "TEXTS", "--out", "nowhere/t.json"), "there is no nowhere"),
        (("encode", "nowhere.json"), "nowhere.json is not a file"),
        (("compare", "TEXTS", "--tokenizer", "nowhere.json"), "nowhere.json is not a file"),
        (("compare", "TEXTS/0.txt", "--max-bytes", "1"), "corpus.max_bytes"),
    ],
)
def test_mistakes_are_named(
    isoflop: Isoflop,
    texts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = isoflop("tokenizer", *(word.replace("TEXTS", str(texts)) for word in arguments))
    assert (done.code, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"12 x", "no list of token ids"),
        (b"300", "has the ids 0 to 299"),
        (b"-1", "no token -1"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_what_is_no_list_of_ids(
    isoflop: Isoflop, made: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    done = piped(isoflop, monkeypatch, content, "decode", made)
    assert done.code == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("file", "message"), [("/dev/zero", "neither a file nor a pipe"), ("nowhere.txt", "nowhere.txt: no such file")]
)
def test_what_is_no_text_to_read(isoflop: Isoflop, made: Path, file: str, message: str) -> None:
    done = isoflop("tokenizer", "encode", made, file)
    assert (done.code != 0, done.stdout) == (True, "")
    assert message in done.stderr


def test_no_ids_are_no_text(isoflop: Isoflop, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert piped(isoflop, monkeypatch, b"", "decode", made).stdout == ""
    assert piped(isoflop, monkeypatch, b"", "encode", made).stdout == "\n"
    assert json.loads(piped(isoflop, monkeypatch, b"[]", "decode", made, "-o", "json").stdout)["text"] == ""

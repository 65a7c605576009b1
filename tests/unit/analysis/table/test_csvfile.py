"""CSV files: every usual way to write one is read, anything else is refused by name."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from analysis.records import LawError
from analysis.table.csvfile import read_frame
from analysis.table.table import RunTable
from tests.unit.analysis.table.frames import frame

GOOD = frame().to_csv(index=False)


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.encode("utf-16"),
        GOOD.encode("utf-32"),
        GOOD.replace(",", "|").encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace(",", ";").encode(),
        GOOD.replace(",", "\t").encode(),
        ("\n\n" + GOOD.replace("flops,params", " flops , params")).encode(),
    ],
)
def test_every_usual_writing_of_a_table_is_read(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(content)
    assert RunTable.read_csv(path) == RunTable.from_frame(frame())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"a,b\n1,2\n", "no column flops; no column params; no column loss"),
        (b"flops,params,tokens,loss\n", "no rows"),
        (GOOD.split("\n", 1)[1].encode(), "holds numbers: put a header line"),
        (GOOD.encode("utf-16-le"), "looks like UTF-16"),
        (GOOD.encode().replace(b"flops", b"fl\xe9ps"), "not text in UTF-8"),
        (np.random.default_rng(0).bytes(3000), "binary file"),
        (b"\x1f\x8b" + bytes(50), "gzip"),
        (b"PK\x03\x04" + bytes(50), "Excel"),
        (b'{"flops": [1]}', "JSON or HTML"),
        (GOOD.encode() + b"1,2,3,4,5,6\n", "line 17, saw 6"),
        (GOOD.replace("\n", ",7\n").encode().replace(b"loss,7", b"loss"), "rows have more fields than its first line"),
        (b"# mine\n" + GOOD.encode(), "first line, '# mine', has one name"),
        (GOOD.replace(",", " ").encode(), "separate names and fields by commas"),
        (GOOD.encode() + b'"1e18,2,3\n', "do not fit its header"),
        (GOOD.encode().replace(b"tokens", b"loss"), "more than one column is called loss"),
        (GOOD.replace(",", ";").replace(".", ",").encode(), "decimal point"),
        (b"a" * 200_000, "first line is longer"),
        (GOOD.encode() + b"1e18,1e8,-5,3\n", "column tokens: not a positive number in row 17"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_name(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(content)
    with pytest.raises(LawError, match=rf"runs\.csv: .*{message}"):
        RunTable.read_csv(path)


def test_a_folder_and_a_missing_file_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(LawError, match="is a folder"):
        RunTable.read_csv(tmp_path)
    with pytest.raises(LawError, match="no such file"):
        RunTable.read_csv(tmp_path / "absent.csv")


def test_what_a_folder_holds_is_said(tmp_path: Path) -> None:
    with pytest.raises(LawError, match="is a folder, not a CSV file; it holds no CSV file"):
        read_frame(tmp_path)
    for name in ("d.csv", "a.csv", "b.TSV", "c.csv", "notes.txt"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(LawError, match=r"is a folder, not a CSV file; it holds a\.csv, b\.TSV, c\.csv and 1 more"):
        read_frame(tmp_path)


def test_an_address_is_called_one() -> None:
    for address in ("https://x.org/runs.csv", "s3://bucket/runs.csv"):
        with pytest.raises(LawError, match="no such file; download it first: an address is not read"):
            read_frame(Path(address))


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_pipe_is_read_once(separator: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = GOOD.replace(",", separator) + "\n" * 100_000
    writer = threading.Thread(target=pipe.write_text, args=(content,))
    writer.start()
    assert RunTable.read_csv(pipe) == RunTable.from_frame(frame())
    writer.join()


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode("utf-16"))))
    assert RunTable.read_csv("-") == RunTable.from_frame(frame())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(LawError, match=r"^standard input: the file is empty"):
        read_frame("-")
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(LawError, match=r"^standard input: it is closed"):
        read_frame("-")


def test_more_bytes_than_a_table_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(GOOD)
    monkeypatch.setattr("analysis.table.csvfile.MAX_BYTES", len(GOOD))
    assert len(read_frame(path)) == 15
    monkeypatch.setattr("analysis.table.csvfile.MAX_BYTES", len(GOOD) - 1)
    with pytest.raises(LawError, match="keep the finished runs, one row each"):
        read_frame(path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1" + "0" * 30, r"column tokens: 1e\+30 in row 17 cannot be tokens"),
        ("9" * 400, "column tokens: not a positive number in row 17, such as inf"),
        ("1e999", "column tokens: not a positive number in row 17, such as inf"),
        ("NaN", "column tokens: not a positive number in row 17, such as nan"),
        ("0x10", "column tokens: not a number in row 17, such as '0x10'"),
    ],
)
def test_a_number_that_no_run_has_is_refused_by_row(value: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(GOOD + f"1e18,1e8,{value},3\n")
    with pytest.raises(LawError, match=message):
        RunTable.read_csv(path)


def test_large_integers_as_names_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    frame().assign(run=[10**25 + index for index in range(15)]).to_csv(path, index=False)
    assert RunTable.read_csv(path) == RunTable.from_frame(frame())


def test_fields_are_kept_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text('run , loss\n"a, b",3.5\nc,\n')
    read = read_frame(path)
    assert list(read.columns) == ["run", "loss"]
    assert read["run"].tolist() == ["a, b", "c"] and read["loss"].tolist()[0] == 3.5 and np.isnan(read["loss"][1])


def test_more_rows_than_training_curves_have_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.table.csvfile.MAX_LINES", 3)
    path = tmp_path / "runs.csv"
    path.write_text("loss\n1\n2\n3\n")
    assert len(read_frame(path)) == 3
    path.write_text("loss\n1\n2\n3\n4\n")
    with pytest.raises(LawError, match="more than 3 rows"):
        read_frame(path)


def test_a_file_that_may_not_be_read_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(LawError, match=r"runs\.csv: cannot be read \(Permission denied\)"):
        read_frame(tmp_path / "runs.csv")

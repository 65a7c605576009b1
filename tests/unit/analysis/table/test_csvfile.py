"""CSV files: every usual way to write one is read, anything else is refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.records import LawError
from analysis.table.table import RunTable
from tests.unit.analysis.table.frames import frame

GOOD = frame().to_csv(index=False)


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.encode("utf-16"),
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

"""Steps take text and give text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tokenizer.corpus_error import CorpusError
from tokenizer.stream.steps import READS, RUNS, STEPS, perform


def test_a_step_is_text_in_and_text_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("some text\n")
    files = [[str(tmp_path / "a.txt"), "a"]]
    task = {
        "spec": {"source": "text", "paths": ["a"]},
        "portion": {"files": files, "state": "", "bytes": 9},
        "name": "p",
    }
    read = json.loads(perform("read", str(tmp_path), json.dumps(task)))
    assert (read["documents"], read["bytes"], read["runs"]) == (1, 10, ["p-0.run"])
    (tmp_path / RUNS).write_text(json.dumps(read["runs"]))
    index = {"bucket": [0, 4096], "ngram": 5, "rows": 0, "held_out_runs": 0}
    assert perform("index", str(tmp_path), json.dumps(index)) == "[1, 0]"
    assert set(STEPS) == set(READS) == {"read", "hold", "gather", "index", "pair", "encode"}


def test_expected_errors_pass_through(tmp_path: Path) -> None:
    task = {"spec": {"source": "text", "paths": []}, "portion": {"files": [], "state": "", "bytes": 9}, "name": "p"}
    with pytest.raises(CorpusError, match=r"corpus\.paths is empty"):
        perform("read", str(tmp_path), json.dumps(task))

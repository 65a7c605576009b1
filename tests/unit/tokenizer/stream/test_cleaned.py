"""What is kept of a cleaned corpus survives as text."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tokenizer.stream.cleaned import Cleaned, Side
from tokenizer.stream.index import Bucket
from tokenizer.stream.reading import Read


def test_a_cleaned_corpus_comes_back_from_its_text(tmp_path: Path) -> None:
    read = Read(
        3, 30, Counter({"NUL": 1}), Counter({"symbols": 2}), Counter(), {"symbols": [("ab", "text")]}, ["a.run"]
    )
    made = Cleaned(tmp_path, ["a.run"], [Bucket(0, 9)], read, 0.1, leaks=4, notes=("a note",))
    made.sides["train"] = Side(5, 50)
    again = Cleaned.from_json(tmp_path, made.to_json())
    assert again == made
    assert (again.documents, again.bytes) == (5, 50)
    assert again.facts_json["rules"] == {"symbols": 2} and again.facts_json["samples"] == {"symbols": ["text"]}
    assert again.facts_json["invalid"] == {"NUL": 1} and again.facts_json["leaks"] == 4

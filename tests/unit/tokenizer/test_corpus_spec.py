"""The corpus of a sweep file: further wrong values, and what keeps its old identity."""

from __future__ import annotations

import dataclasses

import pytest

from tokenizer.corpus_error import CorpusError
from tokenizer.corpus_spec import CorpusSpec, told_json


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"invalid": "ignore"}, "corpus.invalid is 'ignore': choose one of error, skip"),
        ({"separator": " "}, "corpus.separator is ' ': it must hold signs, without blanks around them"),
        ({"whole_files": True}, "corpus.whole_files is true, but corpus.source is python: leave it out"),
        ({"near_duplicates": 0.3}, r"corpus.near_duplicates must be 0, or lie between 0\.5 and 1, is 0\.3"),
        ({"near_ngram": 0}, "corpus.near_ngram must lie between 1 and 32, is 0"),
    ],
)
def test_wrong_specs(fields: dict[str, object], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        CorpusSpec(**fields)  # type: ignore[arg-type]


def test_what_was_added_later_is_told_only_where_it_is_set() -> None:
    assert set(told_json(dataclasses.asdict(CorpusSpec()))) == {
        "source",
        "paths",
        "text_key",
        "max_bytes",
        "validation_fraction",
    }
    changed = CorpusSpec(filters="gopher", near_ngram=7, invalid="skip")  # type: ignore[arg-type]
    assert set(told_json(dataclasses.asdict(changed))) > {"filters", "near_ngram", "invalid"}

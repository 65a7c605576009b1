"""What a corpus is read from, in order, and which of its keys a missing file belongs to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tokenizer.corpus import CorpusError, source_files
from tokenizer.corpus_spec import CorpusSpec
from tokenizer.domain_spec import DomainSpec
from tokenizer.readings import cleaning_json, reading_json, readings

MIX = CorpusSpec(
    mix=(DomainSpec("b", 3.0), DomainSpec("a", 1.0, "text", ("a.txt",), separator="--", rules={"words_least": 3})),
    validation={"v": "v.jsonl.gz"},
    near_duplicates=0.8,
    text_key="body",
)


def test_what_is_held_out_is_read_first_and_domains_as_they_are_listed() -> None:
    held_out, code, prose = readings(MIX)
    assert [part.name for part in (held_out, code, prose)] == ["v", "b", "a"]
    assert [part.held_out for part in (held_out, code, prose)] == [True, False, False]
    assert (held_out.spec.source, held_out.spec.text_key, held_out.spec.rules) == ("jsonl", "body", {})
    assert (prose.spec.source, prose.spec.separator, prose.spec.rules) == ("text", "--", {"words_least": 3})
    assert {part.spec.near_duplicates for part in (held_out, code, prose)} == {0.8}
    (whole,) = readings(CorpusSpec())
    assert (whole.name, whole.spec) == ("", CorpusSpec())


def test_only_weights_leave_the_cleaned_corpus_as_it_is() -> None:
    heavier = replace(MIX, mix=(replace(MIX.mix[0], weight=9.0), MIX.mix[1]))
    assert cleaning_json(heavier) == cleaning_json(MIX)
    assert cleaning_json(replace(MIX, mix=MIX.mix[:1])) != cleaning_json(MIX)
    assert cleaning_json(replace(MIX, validation={})) != cleaning_json(MIX)


@pytest.mark.parametrize(
    ("changes", "alike"),
    [
        ({"max_bytes": 9}, True),
        ({"near_duplicates": 0.5, "near_ngram": 2}, True),
        ({"validation_fraction": 0.5}, True),
        ({"text_key": "text"}, False),
        ({"invalid": "skip"}, False),
        ({"validation": {}}, False),
    ],
)
def test_what_holds_after_reading_leaves_the_reading_as_it_is(changes: dict[str, Any], alike: bool) -> None:
    assert (reading_json(replace(MIX, **changes)) == reading_json(MIX)) is alike
    assert (reading_json(CorpusSpec(filters=("c4",))) == reading_json(CorpusSpec())) is False


@pytest.mark.parametrize(
    ("spec", "key"),
    [
        (CorpusSpec(mix=(DomainSpec("a", 1.0, "text", ("no-such.txt",)),)), "mix.0"),
        (CorpusSpec(validation={"v": "no-such.txt"}), "validation.v"),
    ],
)
def test_a_missing_file_has_the_key_of_its_part(spec: CorpusSpec, key: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        source_files(spec)
    assert caught.value.key == key
    assert str(caught.value).startswith(f"corpus.{key} no-such.txt ")

"""Axes of the data: written dotted, nested or as an override, checked together, and resolved to corpus and tokenizer."""

from __future__ import annotations

import pytest

from sweeps.file.compose import load_sweep
from sweeps.file.data_axes import DATA_AXES, data_values, varies_tokenizer, with_data
from sweeps.file.problem import SweepError
from sweeps.file.serialise import to_yaml
from sweeps.file.spec import SweepSpec

BASE = "name: x\nbudgets: [1e11, 3e11]\n"


def spec(text: str, *overrides: str) -> SweepSpec:
    return load_sweep(BASE + text, overrides)


@pytest.mark.parametrize(
    ("text", "override"),
    [
        ("vary: {tokenizer.vocab: [512, 1024]}", ""),
        ("vary: {tokenizer: {vocab: [512, 1024]}}", ""),
        ("", "vary.tokenizer.vocab=[512, 1024]"),
    ],
)
def test_an_axis_may_be_written_dotted_nested_or_as_an_override(text: str, override: str) -> None:
    made = spec(text, *([override] if override else []))
    assert made.vary == {"tokenizer.vocab": [512, 1024]}
    assert varies_tokenizer(made)
    assert load_sweep(to_yaml(made)) == made


def test_every_axis_is_a_field() -> None:
    for axis, kind in DATA_AXES.items():
        section, _, key = axis.partition(".")
        value = getattr(getattr(spec(""), section), key)
        assert isinstance(value, kind) or key in ("paths", "filters")


def test_a_combination_sets_its_own_data_and_nothing_else() -> None:
    made = spec("tokenizer: {kind: file, path: a.json, separator: <s>}\nvary: {tokenizer.kind: [file, bpe], lr: [0.1]}")
    assert with_data(made, {"tokenizer.kind": "file", "lr": 0.1}) == made
    bpe = with_data(made, {"tokenizer.kind": "bpe", "lr": 0.1})
    assert (bpe.tokenizer.kind, bpe.tokenizer.path, bpe.tokenizer.separator) == ("bpe", "", "")
    assert data_values({"tokenizer.kind": "bpe", "lr": 0.1}) == {"tokenizer.kind": "bpe"}
    texts = spec("corpus: {source: text, paths: [a]}\nvary: {corpus.paths: [a, b]}")
    assert not varies_tokenizer(texts)
    assert with_data(texts, {"corpus.paths": "b"}).corpus.paths == ("b",)
    assert with_data(texts, {"corpus.source": "python"}).corpus.paths == ()


MIX = "corpus: {mix: [{weight: 3}, {name: b, source: text, paths: [b.txt]}]}\n"


@pytest.mark.parametrize(
    ("text", "override"),
    [
        (f"{MIX}vary: {{corpus.weight.b: [1, 2.5]}}", ""),
        (f"{MIX}vary: {{corpus: {{weight: {{b: [1, 2.5]}}}}}}", ""),
        (MIX, "vary.corpus.weight.b=[1, 2.5]"),
    ],
)
def test_the_weight_of_a_domain_is_an_axis(text: str, override: str) -> None:
    made = spec(text, *([override] if override else []))
    assert made.vary == {"corpus.weight.b": [1, 2.5]} == data_values(made.vary)
    assert not varies_tokenizer(made) and load_sweep(to_yaml(made)) == made
    assert [domain.weight for domain in with_data(made, {"corpus.weight.b": 2.5}).corpus.mix] == [3.0, 2.5]


def test_corpora_that_share_a_validation_file_are_scored_on_whole_documents() -> None:
    axis = "vary: {corpus.max_bytes: [1000000, 2000000]}\n"
    assert varies_tokenizer(spec(f"corpus: {{validation: {{w: w.txt}}}}\n{axis}"))
    assert not varies_tokenizer(spec(axis))


def test_rules_and_near_duplicates_are_axes() -> None:
    made = spec("vary: {corpus.filters: ['', c4], corpus.near_duplicates: [0, 0.7]}")
    chosen = with_data(made, {"corpus.filters": "c4", "corpus.near_duplicates": 0.7}).corpus
    assert (chosen.filters, chosen.near_duplicates) == (("c4",), 0.7)
    assert with_data(made, {"corpus.filters": ""}).corpus.filters == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vary: {tokenizer.vocab: [9, 512]}", ":3:26 vary.tokenizer.vocab.0: is 9: the 256 bytes"),
        ("vary: {tokenizer: {vocab: [9, 512]}}", ":3:28 vary.tokenizer.vocab.0: is 9: the 256 bytes"),
        ("vary: {tokenizer.vocab: [a, 512]}", "vary.tokenizer.vocab.0: must be a whole number, is 'a'"),
        ("vary: {tokenizer.vocba: [512]}", "vary.tokenizer.vocba: unknown axis"),
        (f"{MIX}vary: {{corpus.weight.c: [1]}}", "<sweep>:4:26 vary.corpus.weight.c.0: names no domain of corpus.mix"),
        (f"{MIX}vary: {{corpus.weight.b: [0]}}", "vary.corpus.weight.b.0: corpus.mix.1.weight is 0: give a positive"),
        (f"{MIX}vary: {{corpus.weight.b: [a]}}", "vary.corpus.weight.b.0: must be a number, is 'a'"),
        ("vary: {corpus.weight.b: [1]}", "they are none: the corpus has no mix"),
        ("vary: {tokenizer: {vocab: 512}}", "vary.tokenizer.vocab: expected a list, got 512, did you mean [512]?"),
        ("vary: {tokenizer.kind: [bpe, file]}", "vary.tokenizer.kind.1: tokenizer.path is missing"),
        ("vary: {corpus.paths: [a]}", "vary.corpus.paths.0: is set, but the source python takes none"),
        ("vary: {corpus.source: [text]}", "vary.corpus.source.0: corpus.paths is empty"),
        ("tokenizer: {path: a.json}", "tokenizer.path: is set, but tokenizer.kind is bpe: set it to file"),
        ("tokenizer: {kind: file}", "tokenizer.path: is missing: the kind file needs the path"),
        (
            "tokenizer: {kind: file, path: a, pattern: x}",
            "tokenizer.pattern: is 'x': choose one of gpt2, cl100k, o200k",
        ),
    ],
)
def test_mistakes_are_named_with_their_place(text: str, message: str) -> None:
    with pytest.raises(SweepError) as caught:
        spec(text)
    assert message in str(caught.value)


def test_another_kind_replaces_the_file_of_a_base() -> None:
    mine = "tokenizer: {kind: file, path: a.json}"
    assert spec(mine, "tokenizer={kind: bpe, vocab: 300}").tokenizer.path == ""

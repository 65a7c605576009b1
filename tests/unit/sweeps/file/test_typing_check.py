"""Plain data against the schema's types."""

from __future__ import annotations

from typing import Any

import pytest

from sweeps.file.compose import load_sweep
from sweeps.file.problem import SweepError
from sweeps.file.spec import SizesSpec
from sweeps.file.typing_check import coerce

GOOD = "name: good\nbudgets: [1e11, 3e11, 1e12]\n"


def problems(text: str, *overrides: str) -> list[str]:
    with pytest.raises(SweepError) as caught:
        load_sweep(text, overrides, name_of_text="s.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_numbers_of_every_writing_become_the_schemas_types() -> None:
    spec = load_sweep(
        'name: 1e5\nbudgets: [1e11, "3e11", 1000000000000]\nsizes: {count: 5.0, params: [1e4, 2e4]}\n'
        "centre: {params_at: {1e12: 6e4}}\ncontext: '64'\nmodel: {qk_norm: false, rope_base: 100}\nvary: {lr: [1e-3, .01]}\n"
    )
    assert spec.name == "1e5"
    assert spec.budgets == (1e11, 3e11, 1e12)
    assert spec.sizes.params == (10_000, 20_000)
    assert spec.centre.params_at == {"1e12": 6e4}
    assert spec.context == 64
    assert spec.vary == {"lr": [1e-3, 0.01]}
    assert type(spec.sizes.count) is int


def test_all_mistakes_of_structure_are_reported_at_once() -> None:
    text = "name: a\nbudget: [1e11]\nbudgets: 1e11\nsizes:\n  span: wide\n  count: 2.5\ncorpus: python\nlimits:\n"
    assert problems(text, "seeds.defualt=2", "device=[cpu]") == [
        "s.yaml:2:1 budget: unknown key, did you mean budgets?",
        "s.yaml:3:1 budgets: expected a list, got 100000000000.0, did you mean [100000000000.0]?",
        "s.yaml:5:3 sizes.span: expected a number, got 'wide'",
        "s.yaml:6:3 sizes.count: expected a whole number, got 2.5",
        "s.yaml:7:1 corpus: expected a mapping with some of source, paths, text_key, max_bytes, validation_fraction, "
        "separator, whole_files, invalid, filters, rules, near_duplicates, near_ngram, mix, validation, "
        "got 'python'",
        "s.yaml:8:1 limits: expected a mapping with some of flops, hours, runs, got nothing",
        "override 1: seeds.defualt: unknown key, did you mean default?",
        "override 2: device: expected text, got a list",
    ]


class Notes:
    """Takes mistakes, and knows of no text."""

    def __init__(self) -> None:
        self.taken: list[tuple[tuple[str, ...], str, str]] = []

    def report(self, key: tuple[str, ...], message: str, suggestion: str = "") -> None:
        """Note a mistake."""
        self.taken.append((key, message, suggestion))

    def written(self, key: tuple[str, ...]) -> str | None:
        """Nothing was written."""
        return None


@pytest.mark.parametrize(
    ("value", "hint", "result"),
    [
        (3, float, 3.0),
        (3.0, int, 3),
        ("1e4", int, 10_000),
        ("1e4", float, 1e4),
        (True, bool, True),
        (7, str, "7"),
        (None, float | None, None),
        (2, float | None, 2.0),
        ([1, 2.0], tuple[int, ...], [1, 2]),
        ({"a": 1}, dict[str, float], {"a": 1.0}),
        ({"any": [None]}, Any, {"any": [None]}),
    ],
)
def test_values_take_their_fields_type(value: object, hint: object, result: object) -> None:
    notes = Notes()
    found = coerce(value, hint, ("k",), notes)
    assert found == result and type(found) is type(result) and notes.taken == []


@pytest.mark.parametrize(
    ("value", "hint", "message"),
    [
        (True, int, "expected a whole number, got True"),
        (True, float, "expected a number, got True"),
        (1, bool, "expected true or false, got 1"),
        (None, str, "expected text, got nothing"),
        (2.5, int, "expected a whole number, got 2.5"),
        (10**300, float, "expected a number, got 1" + "0" * 36 + "…"),
        ("yes", int, "expected a whole number, got 'yes'"),
        ({}, list[int], "expected a list, got a mapping"),
        ([], dict[str, int], "expected a mapping, got a list"),
        ("x" * 38, int, f"expected a whole number, got {'x' * 38!r}"),
        ("x" * 39, int, "expected a whole number, got '" + "x" * 36 + "…"),
    ],
)
def test_a_wrong_type_is_reported_once(value: object, hint: object, message: str) -> None:
    notes = Notes()
    assert coerce(value, hint, ("k",), notes) is None
    assert [(key, text) for key, text, _ in notes.taken] == [(("k",), message)]


def test_an_unknown_key_has_a_suggestion_or_the_list_of_keys() -> None:
    notes = Notes()
    assert coerce({"cout": 1, "zzz": 2, "span": 3}, SizesSpec, ("sizes",), notes) == {"span": 3.0}
    assert notes.taken == [
        (("sizes", "cout"), "unknown key", "count"),
        (("sizes", "zzz"), "unknown key; the keys of sizes are count, span, params, shapes", ""),
    ]

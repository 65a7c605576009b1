"""Plain data against the schema's types."""

from __future__ import annotations

import pytest

from sweeps.file.compose import load_sweep
from sweeps.file.problem import SweepError

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
        "got 'python'",
        "s.yaml:8:1 limits: expected a mapping with some of flops, hours, runs, got nothing",
        "override 1: seeds.defualt: unknown key, did you mean default?",
        "override 2: device: expected text, got a list",
    ]

"""A spec as text and as the hash of its revision."""

from __future__ import annotations

import dataclasses

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sweeps.file.compose import load_sweep
from sweeps.file.serialise import spec_hash, to_dict, to_yaml
from sweeps.file.spec import SweepSpec

GOOD = "name: good\nbudgets: [1e11, 3e11, 1e12]\n"


def test_revision_depends_on_content_alone() -> None:
    spec = load_sweep(GOOD + "sizes: {count: 5, span: 2}\n")
    same = load_sweep(
        "sizes:\n  span: 2.0\n  count: 5\n# why\nbudgets: ['1e11', 3.0e+11, 1000000000000]\nname: other\n"
    )
    assert spec_hash(spec) == spec_hash(same)
    assert spec_hash(load_sweep(GOOD)) != spec_hash(spec)
    assert spec_hash(load_sweep(GOOD)) == spec_hash(load_sweep(GOOD + "context: 128\n"))
    assert spec_hash(load_sweep(GOOD)) == spec_hash(load_sweep(GOOD + "epochs: [1]\n"))
    assert spec_hash(load_sweep(GOOD)) != spec_hash(load_sweep(GOOD + "epochs: [1, 2]\nepochs_max: 2\n"))
    assert len(spec_hash(spec)) == 12


@settings(max_examples=25, deadline=None)
@example(name="1e5", budgets=[1e11], key="\x85", span=4.0)
@example(name="012", budgets=[123456.7], key="yes", span=2.0)
@example(name="-", budgets=[1e11], key="'\"#: \\", span=2.0)
@given(
    name=st.from_regex(r"[a-z0-9-]{1,12}", fullmatch=True),
    budgets=st.lists(st.floats(1e3, 1e29), min_size=1, max_size=4, unique=True),
    key=st.text(max_size=8).filter(lambda text: "\0" not in text and "${" not in text and text != "???"),
    span=st.floats(1.001, 9999),
)
def test_canonical_text_gives_the_same_spec_back(name: str, budgets: list[float], key: str, span: float) -> None:
    spec = SweepSpec(name=name, budgets=tuple(sorted(budgets)))
    spec = dataclasses.replace(spec, sizes=dataclasses.replace(spec.sizes, span=span))
    spec = dataclasses.replace(spec, corpus=dataclasses.replace(spec.corpus, text_key=key))
    text = to_yaml(spec)
    assert load_sweep(text) == spec
    # Other YAML readers agree, numbers included.
    assert yaml.safe_load(text)["budgets"] == list(spec.budgets)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0"), (1e-4, "0.0001"), (1e11, "1.0e+11"), (2.5e-7, "2.5e-07"), (999999.5, "999999.5"), (1e6, "1.0e+06")],
)
def test_numbers_are_written_so_that_every_yaml_reader_takes_them(value: float, text: str) -> None:
    spec = SweepSpec("t", (1e11,), recipe_overrides={"lr": value})
    assert f"lr: {text}}}" in to_yaml(spec)
    assert yaml.safe_load(to_yaml(spec))["recipe_overrides"]["lr"] == value


@pytest.mark.parametrize(
    ("name", "quoted"), [("demo", False), ("yes", True), ("n", True), ("1e5", True), ("a-b", False)]
)
def test_text_that_could_mean_something_else_is_quoted(name: str, quoted: bool) -> None:
    first = to_yaml(SweepSpec(name, (1e11,))).splitlines()[0]
    assert first == (f'name: "{name}"' if quoted else f"name: {name}")


def test_plain_data_is_in_the_order_of_the_schema_and_without_tuples() -> None:
    data = to_dict(SweepSpec("t", (1e11, 2e11)))
    assert list(data)[:4] == ["name", "budgets", "sizes", "centre"] and data["budgets"] == [1e11, 2e11]
    assert spec_hash(SweepSpec("t", (1e11,))) == spec_hash(SweepSpec("u", (1e11,)))

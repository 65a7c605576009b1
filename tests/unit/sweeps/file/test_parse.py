"""The hostile-text gate: what it refuses, where it says so, and how it reads numbers."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.file.parse import MAX_BYTES, SweepError, parse, plain_scalar

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + former] * 9)}]\n" for former, name in zip("abcdef", "bcdefg", strict=True)
)


HOSTILE = {
    "alias": ("a: &x 1\nb: *x\n", "anchor"),
    "anchor alone": ("a: &x 1\n", "anchor"),
    "tag": ("a: !!python/object/apply:os.system ['true']\n", "tag"),
    "local tag": ("a: !x 1\n", "tag"),
    "tag directive": ("%TAG ! tag:example.com,2000:\n---\na: 1\n", "tags are not allowed"),
    "tagged key": ("!!str a: 1\n", "anchors and tags"),
    "duplicate": ("a: 1\nb: 2\na: 3\n", "given twice, first in line 1"),
    "nested duplicate": ("a: {b: 1, b: 2}\n", "given twice"),
    "interpolation": ("a: ${oc.env:HOME}\n", "interpolation"),
    "quoted interpolation": ('a: "x${b}"\n', "interpolation"),
    "interpolated key": ("${a}: 1\n", "interpolation"),
    "target": ("a: {_target_: os.system}\n", "_target_"),
    "recursive": ("_recursive_: true\n", "never code"),
    "hydra": ("hydra: {run: {dir: /etc}}\n", "Hydra"),
    "hydra dotted": ("hydra.run.dir: /etc\n", "Hydra"),
    "defaults": ("defaults: [x]\n", "extends"),
    "NUL": ("a: 1\0\n", "NUL"),
    "two documents": ("a: 1\n---\nb: 2\n", "second document"),
    "list": ("- a\n- b\n", "top level must be a mapping"),
    "scalar": ("just text", "top level must be a mapping"),
    "empty": ("", "the file is empty"),
    "comment only": ("# nothing\n", "the file is empty"),
    "complex key": ("[1, 2]: 3\n", "plain text"),
    "missing marker": ("a: ???\n", "not a value"),
    "unclosed": ("a: [1, 2\n", "not valid YAML"),
    "tab": ("a:\n\t- 1\n", "not valid YAML"),
    "deep": ("a: " + "[" * 30 + "]" * 30, "levels deep"),
    "very deep": ("[" * 100_000, "levels deep"),
    "many": ("a: [" + "1," * 10_001 + "]", "more than 10000"),
    "long": ("a: " + "x" * MAX_BYTES, "larger than 256 KB"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_is_refused_with_its_reason(case: str) -> None:
    text, reason = HOSTILE[case]
    with pytest.raises(SweepError) as caught:
        parse(text, "evil.yaml")
    assert reason in str(caught.value)
    assert all(problem.file == "evil.yaml" and problem.line >= 1 for problem in caught.value.problems)


def test_alias_bomb_is_refused_without_being_expanded() -> None:
    assert 200 < len(BOMB) < 300
    tracemalloc.start()
    with pytest.raises(SweepError, match="alias"):
        parse(BOMB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_not_utf8_says_where() -> None:
    with pytest.raises(SweepError, match=r"f\.yaml:2:4 not UTF-8"):
        parse(b"a: 1\nb: \xff\xfe\n", "f.yaml")
    with pytest.raises(SweepError, match="UTF-8"):
        parse("a: \ud800\n")


def test_every_problem_is_reported_with_line_and_column() -> None:
    with pytest.raises(SweepError) as caught:
        parse("name: a\nsizes:\n  count: yes\n  span: 012\n  span: 3\n_target_: x\n", "s.yaml")
    places = [(p.line, p.col, p.key) for p in caught.value.problems]
    assert places == [(3, 10, "sizes.count"), (4, 9, "sizes.span"), (5, 3, "sizes.span"), (6, 1, "_target_")]
    assert str(caught.value).splitlines()[1].startswith("s.yaml:4:9 sizes.span: 012 with a leading zero")


def test_no_more_than_twenty_problems() -> None:
    with pytest.raises(SweepError) as caught:
        parse("a: [" + "'${x}'," * 500 + "]")
    assert len(caught.value.problems) == 20


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e18", 1e18),
        ("1E18", 1e18),
        ("1e-3", 1e-3),
        ("1.5e+11", 1.5e11),
        (".5", 0.5),
        ("5.", 5.0),
        ("-3", -3),
        ("+3", 3),
        ("1_000_000", 1_000_000),
        ("0", 0),
        ("0.0", 0.0),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12:30:45", "12:30:45"),
        ("0x1f", "0x1f"),
        ("2024-01-01", "2024-01-01"),
        ("e5", "e5"),
        (".", "."),
        ("1e", "1e"),
        ("'1e18'", "1e18"),
        ('"true"', "true"),
        ("'012'", "012"),
    ],
)
def test_scalars_are_read_as_yaml_1_2_with_exponents(text: str, value: object) -> None:
    found = parse(f"a: {text}\n").data["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["012", "-007", "yes", "No", "on", "OFF", ".inf", "-.INF", ".nan", "1e999"])
def test_what_yaml_versions_read_differently_is_refused(text: str) -> None:
    with pytest.raises(SweepError, match=r"<sweep>:1:4 a: "):
        parse(f"a: {text}\n")


def test_keys_stay_text_and_places_are_those_of_the_keys() -> None:
    document = parse("centre:\n  params_at: {1e12: 6e4}\n")
    assert document.data == {"centre": {"params_at": {"1e12": 6e4}}}
    assert document.positions[("centre", "params_at", "1e12")].col == 15
    assert document.problem(("centre", "params_at", "nothing"), "x").line == 2


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=80), st.binary(max_size=80)))
def test_any_text_is_data_or_a_sweep_error(text: str | bytes) -> None:
    try:
        document = parse(text, any_top_level=True)
    except SweepError as error:
        assert error.problems
    else:
        assert document.file == "<sweep>"


@settings(max_examples=100, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**30), 10**30))
def test_numbers_as_python_writes_them_come_back(real: float, whole: int) -> None:
    assert parse(f"[{real!r}, {whole}]", any_top_level=True).data == [real, whole]


def test_whole_numbers_have_at_most_forty_digits() -> None:
    """Longer ones are read as fractions are: no sum of a plan can take forever or print a page."""
    assert plain_scalar("9" * 40) == 10**40 - 1 and isinstance(plain_scalar("9" * 40), int)
    assert plain_scalar("1_" + "0" * 39) == 10**39 and isinstance(plain_scalar("-" + "9" * 39), int)
    assert plain_scalar("9" * 41) == 1e41 and isinstance(plain_scalar("9" * 41), float)
    with pytest.raises(ValueError, match="not a finite number"):
        plain_scalar("9" * 400)

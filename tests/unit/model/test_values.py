"""A configuration as canonical data."""

from __future__ import annotations

import dataclasses

import pytest

from model.values import content_hash, plain_json, typed_value


@dataclasses.dataclass
class Record:
    """One older field, and two that are newer in a configuration."""

    width: int = 3
    """A number."""
    window: int = 0
    """Left out at its default."""
    optimizer: str = "adamw"
    """Left out at its default."""


def test_numbers_take_the_type_of_their_field() -> None:
    assert (typed_value("int", 3.0), typed_value("float", 3)) == (3, 3.0)
    assert type(typed_value("int", 3.0)) is int and type(typed_value("float", 3)) is float
    assert typed_value("float | None", None) is None
    assert (typed_value("str", "a"), typed_value("bool", True)) == ("a", True)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("int", 1.5, "must be a whole number, is 1.5"),
        ("float", "1", "must be a finite number, is '1'"),
        ("float", float("nan"), "must be a finite number, is nan"),
        ("int", 10**400, "must be a finite number"),
        ("float", True, "must be a finite number, is True"),
        ("float", None, "must be a finite number, is None"),
        ("bool", 1, "is 1: true or false"),
    ],
)
def test_other_values_are_refused_in_words(kind: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        typed_value(kind, value)


def test_newer_fields_are_left_out_at_their_default_alone() -> None:
    assert plain_json(Record()) == {"width": 3}
    assert plain_json(Record(window=4, optimizer="muon")) == {"width": 3, "window": 4, "optimizer": "muon"}


def test_a_hash_depends_on_content_and_not_on_order() -> None:
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1}) == "43258cff783fe703"
    assert content_hash({"a": 1}) != content_hash({"a": 2})

"""What no database holds, replaced on its way in."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.store.encoding import REPLACEMENT, clean_parameters, clean_text, from_json, to_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet=st.characters()), inner),
    max_leaves=20,
)
"""Any value that Python writes as JSON, NUL, surrogates, NaN and infinities included."""


def test_text_keeps_all_but_nul_and_half_a_pair() -> None:
    assert clean_text("a\0b") == f"a{REPLACEMENT}b"
    assert clean_text("caf\u00e9 \U0001f600 \udcff") == f"caf\u00e9 \U0001f600 {REPLACEMENT}"
    assert clean_text("\ud800\udfff") == REPLACEMENT * 2
    assert clean_text("\ud7ff\ue000\n\t") == "\ud7ff\ue000\n\t"


def test_numbers_that_are_none_become_null_wherever_they_are() -> None:
    value = {"a": math.nan, "b": [math.inf, {"c": -math.inf}], "d": 1.5, "e": (2**70, "x\0y"), "f\0": None}
    expected = {"a": None, "b": [None, {"c": None}], "d": 1.5, "e": [2**70, "x\ufffdy"], "f\ufffd": None}
    assert json.loads(to_json(value)) == expected


@pytest.mark.parametrize("value", ["\0", "\udcff", {"\0": 1}, ["\ud800"]])
def test_text_in_json_is_cleaned_where_no_number_is_wrong(value: Any) -> None:
    text = to_json(value)
    assert "\\u0000" not in text and "\\ud" not in text and "\\ufffd" in text


@given(JSON)
def test_any_json_can_be_stored_and_read(value: Any) -> None:
    text = to_json(value)
    assert "\\u0000" not in text
    assert "\0" not in text
    assert json.dumps(from_json(text), allow_nan=False) == text


def test_text_that_is_no_json_is_read_as_nothing() -> None:
    assert from_json('{"a": 1}') == {"a": 1}
    assert from_json('{"a": ') is None and from_json(b"\xff") is None


def test_parameters_of_one_row_and_of_many_are_cleaned() -> None:
    assert clean_parameters({"a": "x\0", "b": 1, "c": None, "d": b"\0"}) == {
        "a": "x\ufffd",
        "b": 1,
        "c": None,
        "d": b"\0",
    }
    assert clean_parameters([("x\0", 2.0), ("y", None)]) == [("x\ufffd", 2.0), ("y", None)]
    assert clean_parameters(()) == ()

"""Units: other units are refused and named, what may be meant is a warning."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.records import LawError
from analysis.table.table import RunTable
from tests.unit.analysis.table.frames import frame

UNITS = [
    (lambda d: d.assign(flops=np.log10(d.flops)), "flops is a log10"),
    (
        lambda d: d.assign(flops=np.log(d.flops), params=np.log(d.params), tokens=np.log(d.tokens)),
        "a natural logarithm",
    ),
    (lambda d: d.assign(params=d.params / 1e9), "params is in billions"),
    (lambda d: d.assign(params=d.params / 1e3), "params is in thousands"),
    (lambda d: d.assign(tokens=d.tokens / 1e6), "tokens is in millions"),
    (
        lambda d: d.assign(params=d.params / 1e6, tokens=d.tokens / 1e9),
        "params is in millions .* tokens is in billions",
    ),
    (lambda d: d.assign(flops=d.flops / 1e12), "flops is in TFLOPs"),
    (lambda d: d.assign(flops=d.flops / 8.64e19), "petaFLOP/s-days"),
    (lambda d: d.drop(columns="tokens").assign(params=d.params / 1e6), "params is in millions"),
    (lambda d: d.assign(flops=d.flops * 1e22), "units of one"),
    (lambda d: d.assign(flops=d.flops / 1e21), "cannot be flops"),
]


@pytest.mark.parametrize(("change", "message"), UNITS)
def test_other_units_are_refused_and_named(change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LawError, match=message):
        RunTable.from_frame(change(frame()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.assign(tokens=d.tokens * 20), "far from 6"),
        (lambda d: d.rename(columns={"params": "tokens", "tokens": "params"}), "not swapped"),
        (lambda d: d.assign(loss=np.exp(d.loss)), "perplexity"),
        (lambda d: d.assign(budget="small"), "budgets were found by gaps"),
    ],
)
def test_what_may_be_meant_is_a_warning(change, message: str) -> None:  # type: ignore[no-untyped-def]
    table = RunTable.from_frame(change(frame()))
    assert any(message in warning for warning in table.warnings)
    assert not RunTable.from_frame(frame()).warnings

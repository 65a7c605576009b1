"""What an adaptive sweep may ask for: each mistake with its key and the nearest that is possible."""

from __future__ import annotations

import pytest

from sweeps.file.compose import load_sweep
from sweeps.file.problem import SweepError
from sweeps.file.serialise import spec_hash, to_yaml
from sweeps.file.spec import AdaptiveSpec

GRID = "name: t\nbudgets: [1e11, 3e11, 1e12]\n"


def _load(adaptive: str, more: str = "") -> AdaptiveSpec:
    return load_sweep(f"{GRID}{more}adaptive: {adaptive}\n".encode()).adaptive


def test_a_sweep_is_adaptive_by_its_ask() -> None:
    found = _load("{ask: 1e15, until: {params: 1.25, loss: 0.02}, spend: 3e13}")
    assert (found.ask, found.until.params, found.spend, found.rounds) == (1e15, 1.25, 3e13, 8)
    plain = load_sweep(GRID.encode())
    assert not plain.adaptive.on and "adaptive" not in to_yaml(plain)
    adaptive = load_sweep(f"{GRID}adaptive: {{ask: 1e15, spend: 3e13}}\n".encode())
    assert load_sweep(to_yaml(adaptive).encode()) == adaptive and spec_hash(adaptive) != spec_hash(plain)


@pytest.mark.parametrize(
    ("adaptive", "more", "said"),
    [
        ("{ask: 1e9, spend: 1e13}", "", ":3:12 adaptive.ask: 1e\\+09 FLOPs .* smallest of budgets, 1e11"),
        ("{ask: -1, spend: 1e13}", "", "adaptive.ask: -1 FLOPs .* smallest of budgets, 1e11"),
        ("{spend: 1e13}", "", "adaptive.ask: required"),
        ("{until: {loss: 0.1}}", "", "adaptive.ask: required"),
        ("{ask: 1e15}", "", "adaptive.spend: required"),
        ("{ask: 1e15, spend: 0}", "", "adaptive.spend: must be positive"),
        ("{ask: 1e15, spend: 1e13}", "limits: {flops: 1e12}\n", "adaptive.spend: 1e\\+13 is above limits.flops"),
        ("{ask: 1e15, spend: 1e13, until: {params: 1}}", "", "adaptive.until.params: must be a factor above 1"),
        ("{ask: 1e15, spend: 1e13, until: {loss: 0}}", "", "adaptive.until.loss: must be a half-width above 0"),
        ("{ask: 1e15, spend: 1e13, rounds: 1}", "", "adaptive.rounds: must lie between 2 and 100"),
        (
            "{ask: 1e15, spend: 1e13}",
            "vary: {context: [64, 128]}\n",
            "vary: .* one sweep for each value .* isoflop compare",
        ),
        ("{ask: 1e15, spend: 1e13}", "epochs: [1, 2]\nepochs_max: 2\n", "epochs: an adaptive sweep trains each cell"),
    ],
)
def test_each_mistake_is_named_with_what_to_do(adaptive: str, more: str, said: str) -> None:
    with pytest.raises(SweepError, match=said):
        _load(adaptive, more)


def test_the_least_ask_is_rounded_up_so_that_it_may_be_typed() -> None:
    grid = GRID.replace("1e11", "1.2345e11")
    with pytest.raises(SweepError, match=r"smallest of budgets, 1.24e11"):
        load_sweep(f"{grid}adaptive: {{ask: 1.23e11, spend: 1e13}}\n".encode())
    assert load_sweep(f"{grid}adaptive: {{ask: 1.24e11, spend: 1e13}}\n".encode()).adaptive.on


def test_budgets_below_zero_are_a_mistake_of_their_own() -> None:
    with pytest.raises(
        SweepError, match=r"budgets(.|\n)*adaptive.ask: -2 FLOPs would cost less than any run of the sweep$"
    ):
        load_sweep(b"name: t\nbudgets: [-1]\nadaptive: {ask: -2, spend: 1e13}\n")

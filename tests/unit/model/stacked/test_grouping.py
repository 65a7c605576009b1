"""Which runs share a stack."""

from __future__ import annotations

import dataclasses

import pytest

from model.config import ModelConfig, RunConfig, TrainConfig
from model.stacked.grouping import LARGEST, stack_key

BASE = RunConfig(ModelConfig(64, 32, 16, 2, 2, 32), TrainConfig(100, 8, 0.01), "data")


def key(params: float = 1e5, **train: object) -> str:
    return stack_key(dataclasses.replace(BASE, train=dataclasses.replace(BASE.train, **train)).to_dict(), params)


def test_runs_of_one_shape_share_a_stack_whatever_their_length_seed_and_rate() -> None:
    assert key() == key(sequences=999, seed=3, lr=0.5, schedule="cosine")
    assert key() != ""


def test_other_shapes_and_numerics_do_not() -> None:
    wider = dataclasses.replace(BASE, model=dataclasses.replace(BASE.model, d_ff=33))
    assert len({key(), key(numerics="bf16"), stack_key(wider.to_dict(), 1e5)}) == 3


@pytest.mark.parametrize("params", [1e5, LARGEST])
def test_batches_differ_by_less_than_a_factor_of_2(params: float) -> None:
    assert key(params, batch=5) == key(params, batch=8) != key(params, batch=9)
    assert key(params, batch=1) != key(params, batch=2)


def test_large_runs_train_alone() -> None:
    assert key(LARGEST) != ""
    assert key(LARGEST * 1.01) == ""


def test_runs_with_muon_train_alone() -> None:
    assert key(optimizer="muon") == ""


def test_runs_with_experts_train_alone() -> None:
    mixed = dataclasses.replace(BASE, model=dataclasses.replace(BASE.model, experts=2))
    assert stack_key(mixed.to_dict(), 1e5) == ""


def test_what_is_no_configuration_is_an_error() -> None:
    with pytest.raises(KeyError):
        stack_key({"model": {}}, 1e5)

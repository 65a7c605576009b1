"""The estimate of a training step's memory, and the micro-batch that fits."""

from __future__ import annotations

import dataclasses
import math

import pytest

from model.flops import count_parameters
from model.memory import (
    HEAD_BYTES,
    HEADROOM,
    SAVED_PARAMETER_BYTES,
    SPARED_BY_MUON,
    TRAINED_PARAMETER_BYTES,
    head_chunk,
    micro_batch_for,
    saved_bytes,
    sequence_bytes,
    state_bytes,
    step_bytes,
    training_bytes,
)
from tests.unit.model.model_data import SHAPE


def test_micro_batch_is_halved_until_it_fits() -> None:
    options = {"explicit_attention": False, "whole_head": True}
    each, fixed = sequence_bytes(SHAPE, "fp32", **options), state_bytes(SHAPE)
    for fits, expected in ((100, 20), (20, 20), (19, 10), (9, 5), (4, 3), (2, 2), (1, 1), (0, 1)):
        free = math.ceil((fixed + fits * each) / HEADROOM)
        assert micro_batch_for(SHAPE, 20, "fp32", free, **options) == expected


def test_memory_model_knows_what_costs() -> None:
    base = {"explicit_attention": False, "whole_head": False}
    least = sequence_bytes(SHAPE, "bf16", **base)
    assert least < sequence_bytes(SHAPE, "fp32", **base)
    assert sequence_bytes(SHAPE, "bf16", **base | {"whole_head": True}) - least == 32 * 64 * 10
    assert sequence_bytes(SHAPE, "bf16", **base | {"explicit_attention": True}) - least == 32 * 2 * 2 * 2 * 2 * 32
    assert head_chunk(50_000) * 50_000 * 4 <= HEAD_BYTES
    assert head_chunk(10**9) == 256


def test_sequence_bytes_by_hand() -> None:
    """Context 32, two blocks of width 16 with MLPs of 32: 6 · 16 fp32 numbers, then 8 · 16 + 4 · 32 in the profile's."""
    options = {"explicit_attention": False, "whole_head": False}
    assert sequence_bytes(SHAPE, "fp32", **options) == 32 * 2 * (4 * 96 + 4 * 256)
    assert sequence_bytes(SHAPE, "bf16", **options) == 32 * 2 * (4 * 96 + 2 * 256)


def test_experts_cost_their_parameters_and_the_rows_of_a_token() -> None:
    """Of 8 experts of width 16, each token goes through 2: as wide as the MLP of 32, and 4 widths more in their order."""
    mixed = dataclasses.replace(SHAPE, d_ff=16, experts=8, active=2)
    options = {"explicit_attention": False, "whole_head": False}
    rows = 4 * 2 * 2 * 16 + 4 * 3 * 8
    assert sequence_bytes(mixed, "fp32", **options) == sequence_bytes(SHAPE, "fp32", **options) + 32 * 2 * rows
    more = 2 * (3 * 3 * 16 * 32 + 8 * 16)
    assert state_bytes(mixed) == state_bytes(SHAPE) + 16 * more


def test_states_in_memory_and_on_disk() -> None:
    assert TRAINED_PARAMETER_BYTES == 4 * (1 + 1 + 2), "weight, gradient, two moments"
    assert SAVED_PARAMETER_BYTES == 4 * (1 + 2), "no gradient"
    assert state_bytes(SHAPE) == 16 * count_parameters(SHAPE).total


def test_muon_keeps_one_number_for_each_parameter_of_the_blocks_matrices() -> None:
    shape = dataclasses.replace(SHAPE, norm_weights=True, biases=True)
    matrices = 2 * (4 * 16 * 16 + 3 * 16 * 32)
    total = count_parameters(shape).total
    assert SPARED_BY_MUON == 4
    mixed = dataclasses.replace(SHAPE, experts=4)
    every = 2 * (4 * 16 * 16 + 4 * (3 * 16 * 32) + 4 * 16)
    assert saved_bytes(mixed) - saved_bytes(mixed, "muon") == 4 * every, "of every expert, and the routers"
    assert state_bytes(shape, "muon") == 16 * total - 4 * matrices
    assert (saved_bytes(shape), saved_bytes(shape, "muon")) == (12 * total, 12 * total - 4 * matrices)
    options = {"explicit_attention": False, "whole_head": False}
    free = math.ceil(step_bytes(SHAPE, 8, "bf16", **options, optimizer="muon") / HEADROOM)
    assert micro_batch_for(SHAPE, 8, "bf16", free, **options, optimizer="muon") == 8
    assert micro_batch_for(SHAPE, 8, "bf16", free, **options) == 4, "AdamW's two moments do not fit"
    assert training_bytes(SHAPE, 4, "fp32", None) - training_bytes(SHAPE, 4, "fp32", None, "muon") == 4 * matrices
    gpu = training_bytes(SHAPE, 4, "fp32", 10**10, "muon")
    assert gpu == math.ceil(step_bytes(SHAPE, 4, "fp32", **options, optimizer="muon") / HEADROOM)


@pytest.mark.parametrize("whole", [True, False])
def test_step_bytes_are_the_state_and_the_sequences(whole: bool) -> None:
    options = {"explicit_attention": True, "whole_head": whole}
    each = sequence_bytes(SHAPE, "fp32", **options)
    assert step_bytes(SHAPE, 5, "fp32", **options) == state_bytes(SHAPE) + (0 if whole else 3 * HEAD_BYTES) + 5 * each


def test_training_on_a_cpu_holds_the_whole_batch() -> None:
    expected = step_bytes(SHAPE, 100, "fp32", explicit_attention=True, whole_head=True)
    assert training_bytes(SHAPE, 100, "fp32", None) == expected
    longer = dataclasses.replace(SHAPE, context=513)
    expected = step_bytes(longer, 2, "fp32", explicit_attention=False, whole_head=True)
    assert training_bytes(longer, 2, "fp32", None) == expected


def test_training_on_a_gpu_takes_the_micro_batch_that_fits_alone() -> None:
    options = {"explicit_attention": False, "whole_head": False}
    memory = 2_000 * 10**6
    micro = micro_batch_for(SHAPE, 10_000, "bf16", memory, **options)
    assert 1 < micro < 10_000
    needed = training_bytes(SHAPE, 10_000, "bf16", memory)
    assert needed == math.ceil(step_bytes(SHAPE, micro, "bf16", **options) / HEADROOM)
    assert needed <= memory

"""The estimate of a training step's memory, and the micro-batch that fits."""

from __future__ import annotations

import math

from model.memory import HEADROOM, head_chunk, micro_batch_for, sequence_bytes, state_bytes
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
    assert head_chunk(50_000) * 50_000 * 4 <= 2**27
    assert head_chunk(10**9) == 256

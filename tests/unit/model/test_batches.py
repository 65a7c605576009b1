"""Token windows of each step: the same order for every batch size, on a CPU and on a device."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.batches import Batches, _resident, windows_at
from tests.unit.model.model_data import CPU, small_run
from tokenizer.shards import Shards, gather, sequence_count


@pytest.mark.parametrize("batch", [1, 3, 5, 2000])
def test_order_of_the_data_does_not_depend_on_the_batch(data: Shards, batch: int) -> None:
    one = Batches(small_run(data, sequences=2500, batch=1), data, CPU)
    several = Batches(small_run(data, sequences=2500, batch=batch), data, CPU)
    for step in (0, 7, 1):
        expected = [one.at(position)[0] for position in range(step * batch, min((step + 1) * batch, 2500))]
        if expected:
            assert torch.equal(several.at(step), torch.stack(expected))


def test_resident_tokens_give_the_same_windows(data: Shards) -> None:
    big = np.array([1, 65_535, 40_000, 2, 3, 4, 5, 6, 7], dtype=np.uint16)
    for tokens, context in ((data.train, 32), (big, 4)):
        indices = np.arange(sequence_count(len(tokens), context), dtype=np.int64)[::-1].copy()
        expected = torch.from_numpy(gather(tokens, indices, context))
        assert torch.equal(windows_at(_resident(tokens, CPU), indices, context, CPU), expected)

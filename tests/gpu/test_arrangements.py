"""Every arrangement of a small shape on a real GPU, with its throughput printed (`-s` shows it)."""

from __future__ import annotations

import sys

import pytest
import torch

from model.arrangements import PROCESSES, arranged
from model.choice import STACKS
from model.config import ModelConfig

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_all_arrangements_of_a_small_shape_are_timed(optimizer: str) -> None:
    """1 M parameters fit four times into any GPU; Muon is not stacked, so that shares are its only alternative."""
    shape, batch = ModelConfig(4096, 256, 128, 4, 2, 352), 64
    ((first, *others),) = arranged([(shape, batch)], "cuda", "bf16", optimizer)
    stacks = STACKS if optimizer == "adamw" else ()
    assert (first.processes, first.stacked) == (1, 0)
    assert [each.stacked for each in others if each.processes == 1] == list(stacks)
    assert [each.processes for each in others if each.processes > 1] == list(PROCESSES)
    for each in (first, *others):
        speed = batch * shape.context / each.step_seconds
        sys.stdout.write(f"{optimizer} {each.processes} × {each.stacked or 1}: {speed:,.0f} tokens/s\n")

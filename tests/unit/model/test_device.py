"""Settings of torch and of the allocator for a run, and the name of its device."""

from __future__ import annotations

import torch

from model.implementation import Implementation
from model.train import train
from tests.unit.model.model_data import ignore, small_run
from tokenizer.shards import Shards


def test_threads_of_torch_are_given_back(data: Shards) -> None:
    before = torch.get_num_threads()
    train(small_run(data, sequences=1), data, ignore, implementation=Implementation(threads=before + 1))
    assert torch.get_num_threads() == before

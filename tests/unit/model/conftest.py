"""What the tests of `model` share: one thread, and one dataset to read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.unit.model.model_data import write_dataset
from tokenizer.shards import Shards


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Tensors this small gain nothing from a second thread, which waits by spinning where the cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return write_dataset(tmp_path_factory.mktemp("shards"))


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints that wait for no disk: for tests that write one at every step, and let nothing crash."""
    monkeypatch.setattr("model.checkpoint.os.fsync", lambda _: None)

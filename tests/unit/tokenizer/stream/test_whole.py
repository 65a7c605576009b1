"""A file gets its name when it is whole."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tokenizer.stream.whole import UNFINISHED, save_array, whole_file


def test_a_file_that_was_not_ended_has_no_name(tmp_path: Path) -> None:
    with pytest.raises(KeyError), whole_file(tmp_path / "a") as stream:
        stream.write(b"half")
        raise KeyError
    assert not (tmp_path / "a").exists()
    with whole_file(tmp_path / "a") as stream:
        stream.write(b"all")
        assert not (tmp_path / "a").exists()
        (unfinished,) = tmp_path.glob(f"a.*.{os.getpid()}{UNFINISHED}")  # another process has a file of its own
        assert os.uname().nodename in unfinished.name
    assert (tmp_path / "a").read_bytes() == b"all"


def test_an_array_is_saved(tmp_path: Path) -> None:
    save_array(tmp_path / "a.npy", np.arange(3))
    assert np.load(tmp_path / "a.npy").tolist() == [0, 1, 2]

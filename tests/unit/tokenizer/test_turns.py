"""One process at a time: who waits is told for whom, and not for ever."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tokenizer.turns import TurnError, turn


def test_whoever_waits_too_long_is_told_who_has_the_lock(tmp_path: Path) -> None:
    lock, lines = tmp_path / "lock", list[str]()
    with turn(lock, "prepares", lines.append):
        assert lines == [] and lock.read_text() == str(os.getpid())
        with pytest.raises(TurnError, match=rf"process {os.getpid()} prepares, and has not ended within 0.1 s"):
            turn(lock, "prepares", lines.append, 0.1).__enter__()
    assert lines == [f"waiting for process {os.getpid()}, which prepares"]


def test_a_lock_that_becomes_free_is_taken(tmp_path: Path) -> None:
    lock, free, order = tmp_path / "lock", threading.Event(), list[str]()

    def hold() -> None:
        with turn(lock, "prepares", print):
            order.append("first")
            free.set()
            order.append("done")

    thread = threading.Thread(target=hold)
    thread.start()
    assert free.wait(30)
    with turn(lock, "prepares", print):
        order.append("second")
    thread.join()
    assert order == ["first", "done", "second"]

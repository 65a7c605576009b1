"""The process's own signal handlers survive others that replace them."""

from __future__ import annotations

import ctypes
import os
import signal
import threading

import pytest

from orchestrator.cluster.signals import OURS, kept, replaced


@pytest.fixture(autouse=True)
def _restored():
    before = {number: signal.getsignal(number) for number in OURS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", OURS)
def test_handlers_are_kept_though_the_block_replaces_them_and_fails(number: signal.Signals) -> None:
    received: list[int] = []
    signal.signal(number, lambda n, _frame: received.append(n))
    with pytest.raises(ZeroDivisionError), kept():
        signal.signal(number, signal.SIG_IGN)
        _ = 1 / 0
    os.kill(os.getpid(), number)
    assert received == [number]


@pytest.mark.parametrize("number", OURS)
def test_signals_do_something_else_inside_the_block_and_what_they_did_after_it(number: signal.Signals) -> None:
    received: list[int] = []
    asked: list[str] = []
    signal.signal(number, lambda n, _frame: received.append(n))
    with replaced(lambda: asked.append("end")):
        os.kill(os.getpid(), number)
        assert (received, asked) == ([], ["end"])
    os.kill(os.getpid(), number)
    assert (received, asked) == ([number], ["end"])


@pytest.mark.parametrize("number", OURS)
def test_in_another_thread_they_are_kept_as_well(number: signal.Signals) -> None:
    """A service starts its Ray again in a thread, where Python cannot set a handler, but Ray's C++ does."""
    received: list[int] = []
    signal.signal(number, lambda n, _frame: received.append(n))

    def work() -> None:
        with kept():
            ctypes.CDLL(None).signal(number, ctypes.c_void_p(1))  # SIG_IGN, as far as the kernel knows

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    os.kill(os.getpid(), number)
    assert received == [number]

"""Signals: the first two interrupt, the third ends at once, and compiled code that hears nothing is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.cli import interrupts as module
from orchestrator.cli.interrupts import LAST, SIGNALS, handled_elsewhere, listening
from tests.conftest import ROOT


@pytest.mark.parametrize("number", SIGNALS)
def test_two_signals_interrupt_and_the_third_ends_the_process(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(module.os, "_exit", codes.append)
    before = signal.getsignal(number)
    with listening() as interrupts:
        for _ in range(LAST):
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), number)
        assert (interrupts.count, codes) == (3, [130])
    assert signal.getsignal(number) is before


def test_a_handled_signal_does_not_end_the_process_later(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(module.os, "_exit", codes.append)
    monkeypatch.setattr(module, "DEAF_SECONDS", 0.05)
    with listening():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
    assert codes == []


def test_a_signal_of_another_handler_is_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    received: list[int] = []
    monkeypatch.setattr(module.os, "_exit", codes.append)
    monkeypatch.setattr(module, "DEAF_SECONDS", 0.05)
    before = signal.signal(signal.SIGUSR1, lambda number, _: received.append(number))
    try:
        with listening():
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.2)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (received, codes) == ([signal.SIGUSR1], [])


def test_a_signal_that_a_web_server_handles_is_not_unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its handler is gone again by the time the watch looks: the signal was heard all the same."""
    codes: list[int] = []
    heard: list[int] = []
    monkeypatch.setattr(module.os, "_exit", codes.append)
    monkeypatch.setattr(module, "DEAF_SECONDS", 0.05)
    with listening() as interrupts:
        with handled_elsewhere():
            before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
            os.kill(os.getpid(), signal.SIGTERM)
            signal.signal(signal.SIGTERM, before)
        time.sleep(0.2)
        assert (heard, codes, interrupts.elsewhere) == ([signal.SIGTERM], [], False)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    with handled_elsewhere():
        assert not interrupts.elsewhere, "nobody listens"


def test_what_the_caller_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with listening() as interrupts:
            os.kill(os.getpid(), signal.SIGINT)
            assert interrupts.count == 0
    finally:
        signal.signal(signal.SIGINT, before)


DEAF = """
import ctypes
from orchestrator.cli.interrupts import listening
with listening():
    lock, mutex = ctypes.CDLL(None).pthread_mutex_lock, ctypes.create_string_buffer(64)
    lock(mutex)
    print("deaf", flush=True)
    lock(mutex)  # waits for itself, whatever signal comes
"""
"""A program whose main thread never comes back to Python."""


@pytest.mark.parametrize("number", SIGNALS)
def test_compiled_code_that_hears_nothing_is_ended(number: signal.Signals, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", DEAF], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None and process.stdout.readline() == "deaf\n"
    time.sleep(0.2)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "interrupted\n")


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupted_command_says_so_and_ends_with_130(number: signal.Signals, tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom orchestrator.cli import main as module\n"
        "def wait():\n    print('waits', flush=True)\n    time.sleep(60)\n"
        "module._carry_out = wait\nmodule.main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "waits\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "interrupted; type the command again to continue\n")

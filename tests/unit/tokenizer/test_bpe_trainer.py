"""The BPE trainer: the same in a process of its own, which ends with the interrupt of the one that waits."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil
import pytest

from tests.unit.tokenizer.tokenizer_data import TEXTS
from tokenizer import bpe_trainer as module
from tokenizer.bpe_trainer import TrainerDied, train_bpe, train_bpe_apart
from tokenizer.vocabulary import BOS


def test_apart_gives_what_here_gives() -> None:
    ticks: list[None] = []
    assert train_bpe_apart(iter(TEXTS), 400, BOS, lambda: ticks.append(None)) == train_bpe(TEXTS, 400, BOS)
    assert len(ticks) >= len(TEXTS)


def test_an_interrupt_leaves_no_process() -> None:
    before = set(psutil.Process().children())

    def interrupt() -> None:
        assert len(set(psutil.Process().children()) - before) == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_bpe_apart(["a text"] * 9, 400, BOS, interrupt)
    assert set(psutil.Process().children()) == before


@pytest.mark.parametrize(
    ("program", "how"), [("import sys; sys.exit(7)", "exit code 7"), ("import os; os.kill(os.getpid(), 9)", "signal 9")]
)
def test_a_dead_trainer_says_how_it_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, how: str
) -> None:
    (tmp_path / "trainer.py").write_text(program)
    monkeypatch.setattr(module, "__file__", str(tmp_path / "trainer.py"))
    with pytest.raises(TrainerDied, match=how):
        train_bpe_apart(["x" * 100_000] * 20, 400, BOS, lambda: None)


@pytest.mark.timeout(30)
def test_an_interrupt_while_it_trains_ends_it_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "trainer.py").write_text("import time; time.sleep(600)")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "trainer.py"))
    monkeypatch.setattr(module, "POLL", 0.01)
    before = set(psutil.Process().children())

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_bpe_apart([], 300, BOS, interrupt)
    assert set(psutil.Process().children()) == before


def test_the_trainer_is_isolated_and_out_of_reach_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "trainer.py").write_text(
        "import os, sys; print(sys.flags.isolated, sys.flags.safe_path, os.getsid(0) == os.getpid())"
    )
    monkeypatch.setattr(module, "__file__", str(tmp_path / "trainer.py"))
    assert train_bpe_apart([], 300, BOS, lambda: None) == "1 True True\n"


def test_the_trainer_knows_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "trainer.py").write_text("import os, json; print(json.dumps(dict(os.environ)))")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "trainer.py"))
    monkeypatch.setenv("ISOFLOP_TOKEN", "secret")
    monkeypatch.setenv("RAYON_NUM_THREADS", "1")
    seen = json.loads(train_bpe_apart([], 300, BOS, lambda: None))
    assert seen["RAYON_NUM_THREADS"] == "1" and "PATH" in seen
    assert set(seen) <= {*module.ENVIRONMENT, "LC_CTYPE"}


def test_the_users_modules_and_folder_do_not_reach_the_trainer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong module')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert sys.path[0] != str(tmp_path)
    assert '"merges"' in train_bpe_apart(TEXTS, 300, BOS, lambda: None)

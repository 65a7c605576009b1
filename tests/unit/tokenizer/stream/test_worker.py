"""A process answers each task with a line, expected errors included."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tokenizer.stream import steps
from tokenizer.stream.worker import end_with, serve


def test_every_task_has_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> object:
        raise OSError(28, "No space left on device", "a.run")

    monkeypatch.setattr(steps, "STEPS", {"full": full, "echo": lambda folder, task: [folder.name, task]})
    asked = [{"step": name, "folder": str(tmp_path), "task": "{}"} for name in ("full", "echo")]
    answers = io.StringIO()
    serve(io.StringIO("\n".join(map(json.dumps, asked))), answers)
    assert [json.loads(line) for line in answers.getvalue().splitlines()] == [
        {"system": [28, "No space left on device", "a.run"]},
        {"result": json.dumps([tmp_path.name, {}])},
    ]


def test_a_process_ends_when_its_parent_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os._exit", lambda code: (_ for _ in ()).throw(SystemExit(code)))
    with pytest.raises(SystemExit):
        end_with(parent=-1)

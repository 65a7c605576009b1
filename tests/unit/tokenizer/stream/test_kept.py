"""Results are kept by step and task."""

from __future__ import annotations

from pathlib import Path

from tokenizer.stream.kept import keep, kept


def test_a_result_is_kept_for_its_task_alone(tmp_path: Path) -> None:
    assert keep(tmp_path, "read", "task", "result") == "result"
    assert [kept(tmp_path, *of) for of in (("read", "task"), ("read", "other"), ("index", "task"))] == [
        "result",
        None,
        None,
    ]
    for path in tmp_path.iterdir():
        path.write_text("")
    assert kept(tmp_path, "read", "task") is None

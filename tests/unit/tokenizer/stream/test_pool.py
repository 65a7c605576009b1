"""Tasks are done once, in whatever process; the first failure is the one that is told; nobody waits for a dead process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tokenizer.corpus_error import CorpusError, CorpusFileError
from tokenizer.corpus_spec import CorpusSpec
from tokenizer.progress import Stage, silent
from tokenizer.stream.pool import Pool, cores

STAGE = Stage("a step", silent)


def tasks(folder: Path, names: list[str]) -> list[str]:
    spec = {"source": "jsonl", "paths": [str(folder)]}
    return [
        json.dumps({"spec": spec, "portion": {"files": [[str(folder / n), n]], "state": "", "bytes": 1}, "name": n})
        for n in names
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("pool")
    for name in ("a", "b", "c"):
        (found / name).write_text(f'{{"text": "{name}"}}\n')
    (found / "bad").write_text("no JSON")
    return found


@pytest.fixture(scope="module")
def pool(folder: Path) -> Iterator[Pool]:
    with Pool(folder, 2) as made:
        yield made


def test_results_come_in_order_and_are_kept(folder: Path, pool: Pool) -> None:
    asked = tasks(folder, ["a", "b", "c"])
    found = list(pool.results("read", asked, STAGE))
    assert [json.loads(result)["runs"] for result in found] == [["a-0.run"], ["b-0.run"], ["c-0.run"]]
    for name in ("a", "b", "c"):
        (folder / name).unlink()
    assert list(pool.results("read", asked, STAGE)) == list(Pool(folder, 1).results("read", asked, STAGE)) == found


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_task_is_that_of_its_file(folder: Path, workers: int) -> None:
    with Pool(folder, workers) as made, pytest.raises(CorpusFileError, match=f"{folder}/bad:1: not JSON"):
        list(made.results("read", tasks(folder, ["bad", "gone"]), STAGE))


def test_a_process_that_dies_is_told(folder: Path) -> None:
    with Pool(folder, 2) as made:
        made._start(2)
        for process in made._started:
            process._process.kill()
        with pytest.raises(CorpusError, match="a process that cleaned it ended by signal 9: if memory ran out, free"):
            list(made.results("read", tasks(folder, ["x", "y"]), STAGE))


@pytest.mark.parametrize(("has", "used"), [(3, 3), (16, 16), (40, 16)])
def test_the_processes_are_as_many_as_the_cores_up_to_sixteen(
    monkeypatch: pytest.MonkeyPatch, has: int, used: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(has)), raising=False)
    assert cores() == used


def test_a_spec_survives_as_text() -> None:
    spec = CorpusSpec("jsonl", ("a",), rules={"symbols": None})
    assert CorpusSpec(**json.loads(json.dumps(vars(spec)))) == spec

"""Who prepares a corpus is chosen by the setting, its size and what the cluster says; a pool passes answers on.

With a real Ray: tests/chaos/test_preparation.py.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from orchestrator.cluster import prepare
from orchestrator.cluster.prepare import Preparation, RayPool
from orchestrator.cluster.ray_session import ClusterError
from orchestrator.settings import Settings
from tokenizer.corpus_error import CorpusFileError
from tokenizer.progress import Stage, silent
from tokenizer.stream.cleaning import SMALL
from tokenizer.stream.kept import keep
from tokenizer.stream.pool import Pool
from tokenizer.stream.portions import File

DRIVER = """
import json, sys
print(json.dumps(FIRST), flush=True)
sys.stdin.readline()
for line in sys.stdin:
    asked = json.loads(line)
    for task in asked["tasks"]:
        if task == "end":
            sys.exit(3)
        answers = {"lost": {"lost": "no node"}, "bad": {"file": "a:1: bad"}}
        print(json.dumps(answers.get(task, {"result": asked["step"] + " " + task})), flush=True)
"""


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of tasks, with a process in Ray's place that says of three nodes that they are there."""
    (tmp_path / "driver.py").write_text(DRIVER.replace("FIRST", '{"result": "3"}'))
    monkeypatch.setattr(prepare, "DRIVER", tmp_path / "driver.py")
    return tmp_path / "work"


def files(size: int) -> list[File]:
    return [File(Path("a"), "a", size, ""), File("s3://b/c", "c", 1, "")]


@pytest.mark.parametrize(
    ("asked", "address", "size", "is_ray"),
    [
        ("auto", "h:1", SMALL, True),
        ("auto", "h:1", 1, False),
        ("auto", "local", SMALL, False),
        ("local", "h:1", SMALL, False),
        ("ray", "h:1", 1, True),
    ],
)
def test_who_prepares(answering: Path, asked: str, address: str, size: int, is_ray: bool) -> None:
    told: list[str] = []
    with Preparation(Settings("", address, None, prepare=asked), told.append).choose(files(size), answering) as chosen:
        assert isinstance(chosen, RayPool if is_ray else Pool)
    assert told == ["corpus: prepared by 3 nodes of the cluster"] * is_ray
    assert list(answering.parent.glob("work/*")) == []


def test_a_cluster_that_cannot_is_left_alone_or_is_an_error(answering: Path) -> None:
    (answering.parent / "driver.py").write_text(DRIVER.replace("FIRST", '{"lost": "node x does not see a"}'))
    told: list[str] = []
    chosen = Preparation(Settings("", "h:1", None), told.append).choose(files(SMALL), answering)
    assert isinstance(chosen, Pool)
    assert told == ["corpus: prepared by this machine alone, not by the cluster: node x does not see a"]
    with pytest.raises(ClusterError, match="node x does not see a"):
        Preparation(Settings("", "h:1", None, prepare="ray"), told.append).choose(files(1), answering)


def test_results_come_in_order_and_none_is_asked_for_twice(answering: Path) -> None:
    stage = Stage("a step", silent)
    with RayPool(answering, "h:1") as pool:
        assert pool.join(files(1), idle=True) == 3
        keep(answering, "read", "b", "kept")
        assert list(pool.results("read", ["a", "b", "c"], stage)) == ["read a", "kept", "read c"]
        assert list(pool.results("read", ["b"], stage)) == ["kept"]
        with pytest.raises(CorpusFileError, match="a:1: bad"):
            list(pool.results("read", ["bad"], stage))
        with pytest.raises(ClusterError, match="no node"):
            list(pool.results("read", ["lost"], stage))
        with pytest.raises(ClusterError, match=r"the process that hands a corpus to Ray ended \(exit code 3\)"):
            list(pool.results("read", ["end"], stage))


def test_only_files_of_this_machine_are_looked_for(answering: Path) -> None:
    (answering.parent / "driver.py").write_text(
        "import json, sys\nprint(json.dumps({'result': str(len(json.loads(sys.stdin.readline())['sources']))}))"
    )
    with RayPool(answering, "h:1") as pool:
        assert pool.join(files(1), idle=True) == 1
    assert json.dumps(sorted(answering.iterdir())) == "[]"


@pytest.mark.parametrize(("artifacts", "error", "told"), [("s3://b", "", 3), ("s3://b", "stop", 2), ("", "", 2)])
def test_what_travelled_is_deleted_once_all_is_done(answering: Path, artifacts: str, error: str, told: int) -> None:
    (answering.parent / "driver.py").write_text(
        "import sys\nfor n, line in enumerate(sys.stdin):\n"
        "    print('{\"result\": \"' + str(n) + '\"}', flush=True)\n"
        "    open(sys.argv[0] + '.lines', 'a').write(line)\n"
    )
    with contextlib.suppress(InterruptedError), RayPool(answering, "h:1", artifacts) as pool:
        pool.join(files(1), idle=True)
        list(pool.results("read", ["a"], Stage("a step", silent)))
        if error:
            raise InterruptedError(error)
    lines = [json.loads(line) for line in (answering.parent / "driver.py.lines").read_text().splitlines()]
    assert len(lines) == told and lines[2:] == [{}] * (told - 2)
    assert lines[0].get("url", "").startswith(artifacts)

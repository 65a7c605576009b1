"""A corpus that the nodes of a Ray cluster prepare: equal to the last byte, after a kill too; what they do not see."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from orchestrator.cluster import prepare as preparation
from orchestrator.cluster.prepare import Preparation, RayPool
from orchestrator.cluster.ray_session import ClusterError
from orchestrator.settings import Settings
from tests.chaos.cluster import Nodes
from tests.unit.tokenizer.stream.stream_data import in_small_pieces, write_corpus
from tokenizer.corpus import source_files
from tokenizer.dataset import prepare
from tokenizer.progress import silent
from tokenizer.shards import Shards
from tokenizer.stream.portions import File
from tokenizer.vocabulary import TokenizerSpec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
BYTE = TokenizerSpec("byte")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Two nodes."""
    nodes = Nodes(tmp_path_factory.mktemp("preparation"))
    nodes.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        yield nodes
    nodes.stop()


@pytest.fixture
def ray(nodes: Nodes) -> Preparation:
    """They are asked to prepare a corpus whatever its size."""
    return Preparation(Settings("", nodes.address, None, prepare="ray"), silent)


def contents(shards: Shards) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in shards.path.iterdir()}


def test_equal_shards_even_after_kills(ray: Preparation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = write_corpus(tmp_path / "texts")
    alone = prepare(spec, BYTE, tmp_path / "alone")
    in_small_pieces(monkeypatch)
    done: list[int] = []
    kills = [1.0, 0.4, 0.0]

    def choose(files: Sequence[File], folder: Path) -> RayPool:
        done.append(len(list(folder.glob("*.done"))))
        pool = ray.choose(files, folder)
        assert isinstance(pool, RayPool)
        results, share = pool.results, kills.pop() if kills else None

        def until_killed(step: str, tasks: Sequence[str], *rest: object) -> Iterator[str]:
            for number, result in enumerate(results(step, tasks, *rest)):  # type: ignore[arg-type]
                if share is not None and step == ("index" if share else "read") and number >= share * (len(tasks) - 1):
                    pool._process.kill()
                yield result

        monkeypatch.setattr(pool, "results", until_killed)
        return pool

    for _ in range(3):
        with pytest.raises(ClusterError, match=r"ended \(exit code -9\)"):
            prepare(spec, BYTE, tmp_path / "cluster", choose=choose)
    together = prepare(spec, BYTE, tmp_path / "cluster", choose=choose)
    assert done[0] == 0 < done[1] < done[2] <= done[3]
    assert contents(together) == contents(alone)


@pytest.mark.parametrize("kills", [0, 2])
def test_nodes_without_a_common_folder(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    """Each node has a folder of its own for copies; what they make travels through the store."""
    spec = write_corpus(tmp_path / "texts")
    alone = prepare(spec, BYTE, tmp_path / "alone")
    in_small_pieces(monkeypatch)
    monkeypatch.setattr(preparation, "MARKER", "by-the-driver-alone-")
    store = tmp_path / "store"
    ours = Preparation(Settings("", nodes.address, None, prepare="ray", artifacts_url=store.as_uri()), silent)
    seen: set[str] = set()
    left = ["pair", "read"][2 - kills :]

    def choose(files: Sequence[File], folder: Path) -> RayPool:
        pool = ours.choose(files, folder)
        assert isinstance(pool, RayPool)
        results, fatal = pool.results, left.pop() if left else ""

        def until_killed(step: str, tasks: Sequence[str], *rest: object) -> Iterator[str]:
            for number, result in enumerate(results(step, tasks, *rest)):  # type: ignore[arg-type]
                seen.update(path.parts[-5] for path in nodes.folder.glob("node*/preparations/*/*/process-*"))
                if step == fatal and number:
                    pool._process.kill()
                yield result

        monkeypatch.setattr(pool, "results", until_killed)
        return pool

    for _ in range(kills):
        with pytest.raises(ClusterError, match=r"ended \(exit code -9\)"):
            prepare(spec, BYTE, tmp_path / "cluster", choose=choose)
        assert list(store.rglob("*.done"))
    together = prepare(spec, BYTE, tmp_path / "cluster", choose=choose)
    assert contents(together) == contents(alone)
    assert seen == {"node1", "node2"}
    assert [path for path in store.rglob("*") if path.is_file()] == []
    assert list(nodes.folder.glob("node*/preparations/*/*/*")) == []


def test_what_a_node_does_not_see_is_named(ray: Preparation, tmp_path: Path) -> None:
    files, _ = source_files(write_corpus(tmp_path / "texts"))
    other = [*files[:-1], dataclasses.replace(files[-1], bytes=1)]
    with pytest.raises(
        ClusterError, match=r"the node [\d.]+ does not see .*/2\.jsonl as this machine does: name a URL"
    ):
        ray.choose(other, tmp_path / "work")

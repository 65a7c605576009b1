"""N-grams as a baseline: measured once for a dataset, kept beside it, and no part of its identity."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.home import Home
from orchestrator.use_cases import ngrams
from orchestrator.use_cases.ngrams import Wanted, measure, measure_unasked, sizes_of, stored_ngrams, wanted_by
from orchestrator.use_cases.workspace import Workspace
from tests.unit.model.model_data import write_dataset
from tokenizer.shards import ShardError, Shards, open_shards


def run(dataset: str, sequences: int, context: int = 32) -> Any:
    """What is read of a run."""
    config = {"dataset": dataset, "model": {"context": context}, "train": {"sequences": sequences}}
    return SimpleNamespace(config=config)


@pytest.fixture
def data(tmp_path: Path) -> Shards:
    return write_dataset(tmp_path / "home" / "artifacts")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def workspace(tmp_path: Path, data: Shards, said: list[str]) -> Workspace:
    assert data.path.parent == tmp_path / "home" / "artifacts"
    return Workspace(Home(tmp_path / "home", "test"), say=said.append)


def test_runs_ask_by_dataset_and_context() -> None:
    runs = [run("a", 40), run("a", 20), run("b", 7), run("a", 3, context=64)]
    assert wanted_by(runs) == [Wanted("a", 32, 20, 40), Wanted("b", 32, 7, 7), Wanted("a", 64, 3, 3)]


@pytest.mark.parametrize(
    ("fewest", "most", "sizes"),
    [(20, 100, [16, 32, 64, 100]), (16, 64, [16, 32, 64]), (900, 100, [32, 64, 100]), (5, 5, [2, 4, 5]), (1, 1, [1])],
)
def test_sizes_are_powers_of_two_up_to_the_most(fewest: int, most: int, sizes: list[int]) -> None:
    assert sizes_of(fewest, most) == sizes


def test_what_is_measured_is_kept_with_the_dataset_and_leaves_it_as_it_is(workspace: Workspace, data: Shards) -> None:
    name = data.manifest.dataset
    assert stored_ngrams(data.path, 32) is None
    measure(workspace, [run(name, 100), run(name, 300)])
    found = stored_ngrams(data.path, 32)
    assert found is not None
    assert [score.tokens for score in found.best] == [64 * 32, 128 * 32, 256 * 32, 300 * 32]
    assert [score.order for score in found.scores[:5]] == [1, 2, 3, 4, 5]
    assert found.unique_tokens == 19_999 // 32 * 32
    assert open_shards(data.path).manifest == data.manifest


def test_it_is_measured_once_and_again_for_longer_runs(workspace: Workspace, data: Shards) -> None:
    file, name = data.path / "ngrams-32.json", data.manifest.dataset
    measure(workspace, [run(name, 100), run(name, 300)])
    first = file.stat().st_mtime_ns
    measure(workspace, [run(name, 70), run(name, 299)])
    assert file.stat().st_mtime_ns == first
    measure(workspace, [run(name, 70), run(name, 9_999)])
    again = stored_ngrams(data.path, 32)
    assert again is not None and again.scores[-1].tokens == again.unique_tokens
    second = file.stat().st_mtime_ns
    measure(workspace, [run(name, 70), run(name, 99_999)])
    assert file.stat().st_mtime_ns == second


@pytest.mark.parametrize("content", ["", "{", '{"version": 0}', '{"version": 1, "scores": [{"a": 1}]}', "[]"])
def test_a_damaged_or_older_file_is_none(data: Shards, content: str) -> None:
    (data.path / "ngrams-32.json").write_text(content)
    assert stored_ngrams(data.path, 32) is None


def test_the_largest_model_is_bounded(workspace: Workspace, data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngrams, "MOST_TOKENS", 3_000)
    wanted = [run(data.manifest.dataset, 40), run(data.manifest.dataset, 300)]
    measure(workspace, wanted)
    found = stored_ngrams(data.path, 32)
    assert found is not None and found.scores[-1].tokens == 3_000 // 32 * 32
    assert found.at(300 * 32) is None
    written = (data.path / "ngrams-32.json").stat().st_mtime_ns
    measure(workspace, wanted)
    assert (data.path / "ngrams-32.json").stat().st_mtime_ns == written


def test_unasked_only_what_takes_seconds(
    workspace: Workspace, data: Shards, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [run(data.manifest.dataset, 300)]
    monkeypatch.setattr(ngrams, "UNASKED_TOKENS", 300 * 32 - 1)
    measure_unasked(workspace, wanted, "lab")
    assert said == ["n-grams as a baseline: isoflop ngram lab measures them on 9.6 k tokens"]
    assert stored_ngrams(data.path, 32) is None
    monkeypatch.setattr(ngrams, "UNASKED_TOKENS", 300 * 32)
    measure_unasked(workspace, wanted, "lab")
    assert stored_ngrams(data.path, 32) is not None


def test_what_is_beyond_the_largest_model_costs_nothing(
    workspace: Workspace, data: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ngrams, "MOST_TOKENS", 640)
    monkeypatch.setattr(ngrams, "UNASKED_TOKENS", 640)
    measure_unasked(workspace, [run(data.manifest.dataset, 300)], "lab")
    found = stored_ngrams(data.path, 32)
    assert found is not None and found.scores[-1].tokens == 640


def test_it_is_measured_again_for_shorter_runs(workspace: Workspace, data: Shards) -> None:
    for fewest in (16, 4):
        measure(workspace, [run(data.manifest.dataset, fewest), run(data.manifest.dataset, 32)])
        found = stored_ngrams(data.path, 32)
        assert found is not None and found.scores[0].tokens == fewest * 32


def test_a_damaged_dataset_does_not_disturb_the_end_of_a_sweep(workspace: Workspace, data: Shards) -> None:
    (data.path / "manifest.json").write_text("{")
    measure_unasked(workspace, [run(data.manifest.dataset, 20)], "lab")
    with pytest.raises(ShardError):
        measure(workspace, [run(data.manifest.dataset, 20)])


def test_a_dataset_that_is_gone_is_an_error_only_where_it_was_asked_for(workspace: Workspace, said: list[str]) -> None:
    measure_unasked(workspace, [run("gone", 9_000_000)], "lab")
    with pytest.raises(ShardError, match="gone"):
        measure(workspace, [run("gone", 300)])
    assert said == []


def test_the_file_is_plain_json(workspace: Workspace, data: Shards) -> None:
    measure(workspace, [run(data.manifest.dataset, 64)])
    content = json.loads((data.path / "ngrams-32.json").read_text())
    assert set(content) == {"version", "unique_tokens", "scores"}

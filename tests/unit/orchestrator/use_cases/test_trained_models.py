"""Trained models: the one finished run of a prefix, its weights and its tokenizer."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from model.sample import SampleError
from orchestrator.errors import NotFound
from orchestrator.use_cases.trained_models import finished_run, tokenizer_of, weights_of
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.store_fixtures import new_run, sweep_record
from tests.unit.orchestrator.use_cases.homes import finish, open_home
from tokenizer.shard_writer import write_shards
from tokenizer.shards import Manifest
from tokenizer.vocabulary import PieceTokenizer, TokenizerError


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """run0 and run1 are done, run2 waits."""
    opened = open_home(tmp_path)
    opened.store.submit(sweep_record(), [new_run(index) for index in range(3)])
    for name in ("run0", "run1"):
        finish(opened, name)
    return opened


def test_a_prefix_names_one_finished_run(workspace: Workspace) -> None:
    assert finished_run(workspace, "run1").id == "run1"
    with pytest.raises(SampleError, match="the ids of 2 finished runs start with 'run': give more digits"):
        finished_run(workspace, "run")
    with pytest.raises(SampleError, match="run run2 is queued"):
        finished_run(workspace, "run2")
    with pytest.raises(NotFound):
        finished_run(workspace, "nothing")


def test_weights_and_tokenizer_lie_in_the_home(workspace: Workspace) -> None:
    run = workspace.store.run("run0")
    assert weights_of(workspace, run) == workspace.home.runs / "run0" / "checkpoints"
    with pytest.raises(TokenizerError, match=r"data.tokenizer\.json"):
        tokenizer_of(workspace, "data")


def test_a_tokenizer_is_that_of_its_datasets_manifest(workspace: Workspace) -> None:
    definition = PieceTokenizer("byte", []).to_json()
    draft = Manifest("c", hashlib.sha256(definition.encode()).hexdigest(), "text", vocab=257)
    extra = {"tokenizer.json": definition.encode()}
    shards = write_shards(workspace.home.artifacts, draft, [[1]], [[2]], extra)
    assert tokenizer_of(workspace, shards.manifest.dataset).encode("a") == [98]
    (shards.path / "tokenizer.json").write_text(PieceTokenizer("word", ["a"]).to_json())
    with pytest.raises(TokenizerError, match=r"tokenizer\.json was altered: prepare the corpus again"):
        tokenizer_of(workspace, shards.manifest.dataset)

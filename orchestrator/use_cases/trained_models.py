"""Trained models: the weights and the tokenizer of a finished run."""

from __future__ import annotations

from pathlib import Path

from model.sample import SampleError
from orchestrator.states import RunState
from orchestrator.store import RunRecord
from orchestrator.use_cases.workspace import Workspace
from tokenizer.building import TOKENIZER_FILE
from tokenizer.loading import load_tokenizer
from tokenizer.shards import read_manifest
from tokenizer.vocabulary import Tokenizer, TokenizerError


def finished_run(workspace: Workspace, prefix: str) -> RunRecord:
    """The finished run whose id starts with a prefix.

    Raises:
        NotFound: there is no such run.
        SampleError: there are several, or the run is not finished.
    """
    found = [record for record in workspace.store.runs_by_prefix(prefix) if record.state is RunState.DONE]
    if len(found) > 1:
        raise SampleError(f"the ids of {len(found)} finished runs start with {prefix!r}: give more digits")
    if not found:
        record = workspace.store.run(prefix)
        raise SampleError(f"run {record.id} is {record.state}: only a finished run has a trained model")
    return found[0]


def weights_of(workspace: Workspace, run: RunRecord) -> Path:
    """The final checkpoint of a finished run, on this machine."""
    return workspace.artifacts.trained(run.id, run.checkpoints)


def tokenizer_of(workspace: Workspace, dataset: str) -> Tokenizer:
    """The tokenizer that a dataset was encoded with. Raises TokenizerError, ShardError."""
    folder = workspace.home.artifacts / dataset
    tokenizer = load_tokenizer(folder / TOKENIZER_FILE)
    if tokenizer.hash != read_manifest(folder).tokenizer:
        raise TokenizerError(f"{folder / TOKENIZER_FILE} was altered: prepare the corpus again")
    return tokenizer

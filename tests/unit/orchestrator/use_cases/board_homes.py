"""Homes for the tests of boards: a dataset, members with finished runs, and scores that a test says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model.checkpoint import Checkpoints
from model.config import ModelConfig, RunConfig, TrainConfig
from model.flops import flops_per_token
from model.transformer import Transformer
from orchestrator.boards import Metric, NewBoard
from orchestrator.people import Actor, Role
from orchestrator.store import NewRun
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.store_fixtures import made_cell, sweep_record
from tests.unit.orchestrator.use_cases.homes import finish, open_home
from tokenizer.shard_writer import write_shards
from tokenizer.shards import Manifest
from tokenizer.vocabulary import PieceTokenizer

CORPUS = "c0ffee00c0ffee00"
HIDDEN = "A sentence that nobody was shown: größer!\n" * 3
SMALL = ModelConfig(vocab=257, context=32, d_model=16, n_layers=1, n_heads=1, d_ff=32)
ADA, ANN, BOB = Actor("ada", Role.ADMIN), Actor("ann", Role.SUBMITTER), Actor("bob", Role.SUBMITTER)


@dataclass(frozen=True)
class BoardHome:
    """A home with a dataset."""

    workspace: Workspace
    dataset: str

    def run(self, name: str, user: str, loss: float = 3.0, seed: int = 0, **model: Any) -> float:
        """A finished run in a sweep of its own; returns its FLOPs."""
        config = self.config(seed, **model)
        flops = config.tokens * flops_per_token(config.model)
        made = NewRun(name, config.to_dict(), flops, None, made_cell(budget=flops, seed=seed))
        self.workspace.store.submit(sweep_record(f"of-{name}", user=user), [made])
        finish(self.workspace, name, loss)
        return flops

    def config(self, seed: int = 0, sequences: int = 8, **model: Any) -> RunConfig:
        """The configuration of a run."""
        train = TrainConfig(sequences=sequences, batch=4, lr=0.01, seed=seed)
        return RunConfig(replace(SMALL, **model), train, self.dataset)

    def train(self, name: str, seed: int = 0) -> Transformer:
        """Weights of a run, as if it had been trained."""
        model = Transformer(SMALL, seed)
        state = {"run": self.config(seed).to_dict(), "model": model.state_dict()}
        Checkpoints(self.workspace.home.runs / name / "checkpoints").save_final(state)
        return model.eval()


def board_home(folder: Path) -> BoardHome:
    """A home with a dataset of bytes."""
    workspace, definition = open_home(folder), PieceTokenizer("byte", []).to_json().encode()
    draft = Manifest(CORPUS, hashlib.sha256(definition).hexdigest(), "text", vocab=257)
    shards = write_shards(workspace.home.artifacts, draft, [[1] * 200], [[2] * 40], {"tokenizer.json": definition})
    return BoardHome(workspace, shards.manifest.dataset)


def asked(**changes: Any) -> NewBoard:
    """A board of bits per byte that is open for an hour."""
    board = NewBoard("speed", Metric.BITS, CORPUS, 1e12, 4e9, text=HIDDEN)
    return replace(board, **changes)


def forecasts(dataset: str, **changes: Any) -> NewBoard:
    """A board of forecasts whose budget is shown."""
    board = NewBoard("scaling", Metric.FORECAST, dataset, 1e12, 4e9, target=6e9, target_shown=True, entries=1)
    return replace(board, **changes)


def scoring(scores: Mapping[str, float]) -> Callable[..., Any]:
    """A stand-in for the workshop that gives each run the score that a test says."""

    def compute(function: Callable[..., Any], runs: Sequence[Any], text: str) -> tuple[float, ...]:
        assert (function.__name__, text) == ("score_runs", HIDDEN)
        return tuple(scores[run.run] for run in runs)

    return compute

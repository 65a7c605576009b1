"""What is checked of runs that are entered on a board: whose they are, their data, their FLOPs counted again, seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from model.config import RunConfig
from model.flops import flops_per_token
from orchestrator.boards import LARGEST_FACTOR, BoardError, Metric, NewBoard
from orchestrator.people import Forbidden
from orchestrator.states import RunState
from orchestrator.store import RunRecord
from orchestrator.use_cases.workspace import Workspace
from tokenizer.shards import ShardError, read_manifest

SAME = 1e-6
"""Relative difference between a run's FLOPs as stored and as counted again."""


def counted(run: RunRecord) -> float:
    """The training FLOPs of a run, counted again from its configuration. Raises BoardError if they were others."""
    config = RunConfig.from_dict(run.config)
    flops = config.tokens * flops_per_token(config.model)
    if abs(flops / run.flops - 1) > SAME:
        raise BoardError(
            f"run {run.id} is stored with {run.flops:.6g} FLOPs, and counted again it has {flops:.6g}: it cannot count"
        )
    return flops


def data_hash(workspace: Workspace, dataset: str, metric: Metric) -> str:
    """The hash of a dataset that a board of this metric compares. Raises BoardError where the dataset is gone."""
    try:
        manifest = read_manifest(workspace.home.artifacts / dataset)
    except ShardError as error:
        raise BoardError(f"the dataset {dataset} cannot be checked: the service does not have it whole") from error
    return manifest.corpus if metric is Metric.BITS else manifest.dataset


def check_runs(workspace: Workspace, board: NewBoard, runs: Sequence[RunRecord], user: str) -> float:
    """Check finished runs that one recipe made with several seeds; returns the FLOPs of one.

    Raises BoardError, Forbidden.
    """
    if len({run.id for run in runs}) < len(runs):
        raise BoardError("a run is named twice")
    for run in runs:
        if run.state is not RunState.DONE:
            raise BoardError(f"run {run.id} is {run.state}: only finished runs are entered")
        if user not in workspace.store.owners(run.id):
            raise Forbidden(f"run {run.id} is in no sweep of {user}: enter runs of your own")
        _check_data(workspace, board, run)
    recipes = {without_seed(RunConfig.from_dict(run.config)) for run in runs}
    if len(recipes) > 1:
        raise BoardError("these runs differ by more than their seed: an entry is one recipe, with one or more seeds")
    flops = counted(runs[0])
    if flops > board.flops * LARGEST_FACTOR:
        raise BoardError(f"run {runs[0].id} took {flops:.4g} FLOPs, above the board's budget of {board.flops:.4g}")
    return flops


def without_seed(config: RunConfig) -> RunConfig:
    """What runs have in common that differ by their seed alone."""
    return replace(config, train=replace(config.train, seed=0))


def behind_forecast(workspace: Workspace, board: NewBoard, user: str) -> float:
    """The FLOPs, counted again, of all of a member's finished runs on the board's dataset: what a forecast rests on.

    Raises BoardError where they are none, or more than the board's budget.
    """
    finished = {run.id: run for run in _on_data(workspace, board, user) if run.loss is not None}
    if not finished:
        raise BoardError(f"{user} has no finished run on the dataset {board.corpus}, which forecasts rest on")
    flops = sum(counted(run) for run in finished.values())
    if flops > board.flops * LARGEST_FACTOR:
        raise BoardError(f"the runs of {user} took {flops:.4g} FLOPs, above the board's budget of {board.flops:.4g}")
    return flops


def _on_data(workspace: Workspace, board: NewBoard, user: str) -> Iterable[RunRecord]:
    """The runs of a member's sweeps on a board's dataset."""
    for sweep in workspace.store.sweeps():
        if sweep.user == user:
            yield from (run for run in workspace.store.runs_of(sweep.id) if run.config["dataset"] == board.corpus)


def _check_data(workspace: Workspace, board: NewBoard, run: RunRecord) -> None:
    """Check what a run was trained on. Raises BoardError."""
    config = RunConfig.from_dict(run.config)
    found = data_hash(workspace, config.dataset, board.metric)
    if found != board.corpus:
        raise BoardError(f"run {run.id} was trained on the corpus {found}, and the board is for {board.corpus}")
    if board.unique_tokens is not None:
        seen = min(config.tokens, read_manifest(workspace.home.artifacts / config.dataset).train_tokens)
        if seen > board.unique_tokens:
            raise BoardError(f"run {run.id} saw {seen:,} different tokens, above the board's {board.unique_tokens:,}")

"""Leaderboards: opened with a corpus, a budget and a closing time, closed, and decided where forecasts are ranked."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace

import pandas as pd

from analysis.answers.standings import pooled
from model.config import RunConfig
from model.flops import count_parameters
from orchestrator.boards import Baseline, BoardError, Metric, NewBoard, Outcome, about
from orchestrator.errors import NotFound
from orchestrator.people import Actor, check_name
from orchestrator.states import RunState
from orchestrator.store import RunRecord
from orchestrator.use_cases.board_checks import counted, data_hash, without_seed
from orchestrator.use_cases.board_entries import weights_of_runs
from orchestrator.use_cases.board_scores import Compute, baseline_of, here
from orchestrator.use_cases.workspace import Workspace

HASH = re.compile(r"[0-9a-f]{16,64}")
"""What the content hash of a corpus or a dataset looks like."""
NEAR = 0.015
"""How far the FLOPs of a run may be from the budget that it decides on."""
FEWEST_SIZES = 3
"""Fewest sizes whose losses decide."""


def open_board(workspace: Workspace, asked: NewBoard, baseline: str | None, by: Actor, compute: Compute = here) -> None:
    """Open a board. Its `corpus` is a hash, or the name of a sweep whose data it is.

    The runs of the sweep `baseline` are scored on the hidden file, and the law of these scores is what multipliers are
    over. Raises NotFound, AccountError, BoardError.
    """
    with about("name"):
        check_name(asked.name, "board")
    with about("group"):
        if asked.group:
            check_name(asked.group, "group")
    asked.check()
    with about("corpus"):
        asked = replace(asked, corpus=_corpus(workspace, asked))
    with about("baseline"):
        scored = None if baseline is None else _baseline(workspace, asked, baseline, compute)
    workspace.store.add_board(asked, scored, by)


def close_board(workspace: Workspace, name: str, by: Actor) -> None:
    """Close a board before its time. Raises NotFound, BoardError."""
    workspace.store.close_board(name, by)


def decide_board(workspace: Workspace, name: str, sweep: str, by: Actor) -> None:
    """Let a sweep's runs at the board's budget decide on the forecasts of a closed board. Raises NotFound, BoardError.

    The best size is that of the lowest mean loss over its seeds, and must not be the smallest or the largest.
    """
    board, found = workspace.store.board(name), workspace.store.sweep(sweep)
    target = board.asked.target
    if target is None:
        raise BoardError(f"board {name} ranks by {board.asked.metric}: nothing is left to decide")
    if board.closed_at is None:
        raise BoardError(f"board {name} is open: forecasts are scored after it has closed")
    runs = [run for run in workspace.store.runs_of(found.id) if _decides(run, board.asked.corpus, target)]
    outcome = _outcome(f"{found.name}@{found.revision}", runs, target)
    workspace.store.decide_board(name, outcome, by)


def _corpus(workspace: Workspace, asked: NewBoard) -> str:
    """The hash of the data of a sweep, or the hash that was given. Raises NotFound, BoardError."""
    try:
        return data_hash(workspace, workspace.store.sweep(asked.corpus).dataset, asked.metric)
    except NotFound:
        if HASH.fullmatch(asked.corpus):
            return asked.corpus
        raise


def _baseline(workspace: Workspace, asked: NewBoard, name: str, compute: Compute) -> Baseline:
    """What a sweep's runs reach on the hidden file. Raises NotFound, BoardError."""
    if asked.metric is not Metric.BITS:
        raise BoardError("a baseline is for boards of bits per byte: forecasts are compared with what came")
    sweep = workspace.store.sweep(name)
    if data_hash(workspace, sweep.dataset, asked.metric) != asked.corpus:
        raise BoardError(f"baseline {name} was not trained on the corpus {asked.corpus}")
    runs = [run for run in workspace.store.runs_of(sweep.id) if run.role == "grid" and run.state is RunState.DONE]
    configs = [RunConfig.from_dict(run.config) for run in runs]
    table = pd.DataFrame(
        {
            "flops": [run.cell.budget if run.cell else run.flops for run in runs],
            "params": [count_parameters(config.model).matmul for config in configs],
            "tokens": [config.tokens for config in configs],
            "seed": [config.train.seed for config in configs],
        }
    )
    called = f"{sweep.name}@{sweep.revision}"
    made: Baseline = compute(baseline_of, called, table, weights_of_runs(workspace, runs), asked.text)
    return made


def _decides(run: RunRecord, dataset: str, target: float) -> bool:
    """Whether a run is one of those that decide at a budget."""
    done = run.state is RunState.DONE and run.loss is not None and run.role == "grid"
    return done and run.config["dataset"] == dataset and abs(counted(run) / target - 1) <= NEAR


def _outcome(sweep: str, runs: list[RunRecord], target: float) -> Outcome:
    """The best size among runs at one budget. Raises BoardError where it is not known."""
    groups: dict[RunConfig, list[float]] = defaultdict(list)
    for run in runs:
        assert run.loss is not None
        groups[without_seed(RunConfig.from_dict(run.config))].append(run.loss)
    if len(groups) < FEWEST_SIZES:
        raise BoardError(
            f"sweep {sweep} has {len(groups)} sizes at {target:g} FLOPs on the board's dataset, and {FEWEST_SIZES} at "
            "least decide"
        )
    means = {config: sum(losses) / len(losses) for config, losses in groups.items()}
    by_size = sorted(means, key=lambda config: count_parameters(config.model).matmul)
    best = min(means, key=means.__getitem__)
    if best in (by_size[0], by_size[-1]):
        end = "smallest" if best == by_size[0] else "largest"
        raise BoardError(f"the lowest loss of sweep {sweep} is that of its {end} size: train further sizes beyond it")
    spread = pooled(list(groups.values()))
    return Outcome(
        sweep=sweep,
        params=count_parameters(best.model).matmul,
        tokens=best.tokens,
        loss=means[best],
        seeds=len(groups[best]),
        sigma=spread.sigma if spread else None,
        freedom=spread.freedom if spread else 0,
    )

"""Entering a board: a member's finished runs, scored on its hidden file, or their forecast, sealed until it closes."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.boards import FEWEST_SHARE, BoardError, Forecast, Metric, NewBoard, NewEntry
from orchestrator.people import Actor, Forbidden
from orchestrator.store import RunRecord
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.board_checks import behind_forecast, check_runs
from orchestrator.use_cases.board_scores import Compute, Weights, forecast_of, here, score_runs
from orchestrator.use_cases.control import find_run
from orchestrator.use_cases.workspace import Workspace

MOST_RUNS = 20
"""Most runs, which differ by their seed, of one entry."""


def enter_runs(workspace: Workspace, name: str, runs: Sequence[str], by: Actor, compute: Compute = here) -> None:
    """Enter finished runs that differ by their seed alone, named by the beginnings of their ids.

    The service scores them itself. It counts when it is stored, scored, while the board is open. Raises NotFound,
    Forbidden, BoardError.
    """
    board = _open(workspace, name, Metric.BITS, by)
    if not 1 <= len(runs) <= MOST_RUNS:
        raise BoardError(f"an entry has from 1 to {MOST_RUNS} runs")
    found = [find_run(workspace.store, prefix) for prefix in runs]
    flops = check_runs(workspace, board, found, by.name)
    scores = compute(score_runs, weights_of_runs(workspace, found), board.text)
    entry = NewEntry(runs=tuple(run.id for run in found), flops=flops, scores=tuple(scores))
    workspace.store.add_entry(name, entry, by)


def enter_law(workspace: Workspace, name: str, sweep: str, by: Actor, compute: Compute = here) -> None:
    """Enter what the law of a member's sweep forecasts for the board's budget, which they need not know.

    Raises NotFound, Forbidden, BoardError.
    """
    board = _open(workspace, name, Metric.FORECAST, by)
    answers = Answering(workspace).of(sweep)
    if answers.sweep.user != by.name:
        raise Forbidden(f"sweep {sweep} belongs to {answers.sweep.user}: enter the law of a sweep of your own")
    if any(run.config["dataset"] != board.corpus for run in answers.runs):
        raise BoardError(f"sweep {sweep} was not trained on the dataset {board.corpus}, which the board is for")
    flops = behind_forecast(workspace, board, by.name)
    forecast = compute(forecast_of, answers, board.target)
    workspace.store.add_entry(name, NewEntry(sweep=answers.name, flops=flops, forecast=forecast), by)


def enter_forecast(workspace: Workspace, name: str, forecast: Forecast, by: Actor) -> None:
    """Enter a forecast as it was typed, which needs a budget that is shown. Raises NotFound, Forbidden, BoardError."""
    board = _open(workspace, name, Metric.FORECAST, by)
    forecast.check()
    if not board.target_shown or board.target is None:
        raise BoardError(f"the budget of board {name} is hidden: enter the law of a sweep, which is asked for it")
    flops = 6 * forecast.params * forecast.tokens
    if not FEWEST_SHARE <= flops / board.target <= 1.05:
        raise BoardError(
            f"a model of {forecast.params:.4g} parameters and {forecast.tokens:.4g} tokens takes at least 6·N·D = "
            f"{flops:.4g} FLOPs, which is not the budget of {board.target:.4g}"
        )
    behind = behind_forecast(workspace, board, by.name)
    workspace.store.add_entry(name, NewEntry(flops=behind, forecast=forecast), by)


def weights_of_runs(workspace: Workspace, runs: Sequence[RunRecord]) -> tuple[Weights, ...]:
    """Where the models of finished runs lie."""
    artifacts = workspace.home.artifacts
    return tuple(
        Weights(run.id, workspace.artifacts.trained(run.id, run.checkpoints), artifacts / run.config["dataset"])
        for run in runs
    )


def _open(workspace: Workspace, name: str, metric: Metric, by: Actor) -> NewBoard:
    """What a board asks for that somebody may enter now. Raises NotFound, Forbidden, BoardError."""
    workspace.store.check_entry(name, by)
    board = workspace.store.board(name).asked
    if board.metric is not metric:
        wanted = "finished runs" if board.metric is Metric.BITS else "a forecast or the law of a sweep"
        raise BoardError(f"board {name} ranks by {board.metric}: enter {wanted}")
    return board

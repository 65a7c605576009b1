"""The verbs of leaderboards: board open, enter, show, close, decide and ls."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from analysis.wording import format_flops, plural
from orchestrator.boards import MOST_ENTRIES, TEXT_BYTES, BoardError, Forecast, Metric, NewBoard, closing_time
from orchestrator.cli.opening import open_service, open_workspace
from orchestrator.cli.options import Output, check_positive
from orchestrator.cli.output import Format, emit_json, emit_rows, say

BOARD_COLUMNS = ("name", "state", "metric", "flops", "entrants", "closes")
TABLE_COLUMNS = (
    "place", "user", "score", "score_interval", "multiplier", "multiplier_interval", "p_better", "settled",
    "further_seeds", "seeds", "params", "tokens", "loss", "loss_interval", "flops",
)  # fmt: skip

Name = Annotated[str, typer.Argument(metavar="BOARD", help="Name of the board.")]
Number = float | None


def open_one(
    name: Name,
    corpus: Annotated[str, typer.Option("--corpus", help="Hash of a corpus, or a sweep whose data is meant.")],
    flops: Annotated[float, typer.Option("--flops", help="Budget of a run, or of all runs behind a forecast.")],
    closes: Annotated[str, typer.Option("--closes", help="When: 2026-12-01T18:00Z, or from now on: 14d, 3h, 90m.")],
    hidden: Annotated[Path | None, typer.Option("--hidden", help="Validation file to rank runs by, UTF-8.")] = None,
    target: Annotated[Number, typer.Option("--target", help="Budget to rank forecasts of, instead.")] = None,
    shown: Annotated[bool, typer.Option("--shown", help="Show members that budget before the board closes.")] = False,
    unique_tokens: Annotated[
        int | None, typer.Option("--unique-tokens", min=1, help="Most different tokens that a run may see.")
    ] = None,
    baseline: Annotated[str | None, typer.Option("--baseline", help="Sweep that multipliers are over.")] = None,
    group: Annotated[str, typer.Option("--group", help="Group whose members may enter. Default: all.")] = "",
    entries: Annotated[int, typer.Option("--entries", min=1, max=MOST_ENTRIES, help="Most of one member.")] = 5,
) -> None:
    """Open a leaderboard of runs under a budget, or of forecasts.

    Runs are ranked by bits per byte on the hidden file, which the service keeps to itself; forecasts by their interval
    score.
    """
    check_positive("--flops", flops)
    check_positive("--target", target)
    if (hidden is None) == (target is None):
        raise typer.BadParameter("give --hidden FILE to rank runs, or --target FLOPS to rank forecasts")
    metric = Metric.FORECAST if hidden is None else Metric.BITS
    text = short_text(hidden, TEXT_BYTES, "--hidden") if hidden else ""
    when = _closing(closes)
    asked = NewBoard(name, metric, corpus, flops, when.timestamp(), unique_tokens, group, entries, text, target, shown)
    client = open_service()
    if client:
        found = client.open_board(asked, when.isoformat(), baseline)
    else:
        from orchestrator.use_cases.accounts import operator
        from orchestrator.use_cases.board_table import board_of, view_json
        from orchestrator.use_cases.boards import open_board

        workspace = open_workspace()
        by = operator(workspace)
        open_board(workspace, asked, baseline, by)
        found = view_json(board_of(workspace, name, by))
    say(f"board {name} is open until {when:%Y-%m-%d %H:%M} UTC")
    if found["group_members"] == 0:
        say(_nobody(group))


def enter(
    name: Name,
    runs: Annotated[list[str] | None, typer.Argument(metavar="RUN", help="Finished runs, equal but for seed.")] = None,
    sweep: Annotated[str | None, typer.Option("--sweep", help="Sweep whose law forecasts, instead of runs.")] = None,
    params: Annotated[Number, typer.Option("--params", help="N that you forecast, instead.")] = None,
    tokens: Annotated[Number, typer.Option("--tokens", help="D that you forecast.")] = None,
    loss: Annotated[Number, typer.Option("--loss", help="Loss that you forecast, nats per token.")] = None,
    low: Annotated[Number, typer.Option("--low", help="Lower end of its 95 % interval.")] = None,
    high: Annotated[Number, typer.Option("--high", help="Upper end of its 95 % interval.")] = None,
) -> None:
    """Enter finished runs of yours on a board, or a forecast.

    Entries are checked (owner, data, FLOPs counted again, seeds), scored by the service, and not changed afterwards.
    Forecasts are sealed until the board closes.
    """
    forecast = _forecast(params, tokens, loss, low, high)
    if sum(map(bool, (runs, sweep, forecast))) != 1:
        raise typer.BadParameter("name runs, a sweep with --sweep, or a forecast with --params …: one of the three")
    client = open_service()
    if client:
        client.enter_board(name, runs, sweep, forecast)
    else:
        from orchestrator.use_cases.accounts import operator
        from orchestrator.use_cases.board_entries import enter_forecast, enter_law, enter_runs

        workspace = open_workspace()
        by = operator(workspace)
        if runs:
            enter_runs(workspace, name, runs, by)
        elif sweep:
            enter_law(workspace, name, sweep, by)
        elif forecast:
            enter_forecast(workspace, name, forecast, by)
    say(f"entered on board {name}; see it with: isoflop board show {name}")


def show(name: Name, output: Output = Format.TABLE) -> None:
    """Show a board: its conditions, its table, and your entries."""
    client = open_service()
    if client:
        found = client.board(name)
    else:
        from orchestrator.use_cases.accounts import operator
        from orchestrator.use_cases.board_table import board_of, view_json

        workspace = open_workspace()
        found = view_json(board_of(workspace, name, operator(workspace)))
    if output is Format.JSON:
        emit_json(found)
        return
    if output is Format.TABLE:
        for line in _conditions(found):
            say(line)
        if not found["table"]:
            return
    shown = [column for column in TABLE_COLUMNS if any(row[column] is not None for row in found["table"])]
    if output is Format.CSV:
        emit_rows(found["table"], shown or TABLE_COLUMNS, output)
    else:
        emit_rows([_in_words(row) for row in found["table"]], shown, output, importance=TABLE_COLUMNS)


def close(name: Name) -> None:
    """Close a board before its time, for good."""
    client = open_service()
    if client:
        client.close_board(name)
    else:
        from orchestrator.use_cases.accounts import operator
        from orchestrator.use_cases.boards import close_board

        workspace = open_workspace()
        close_board(workspace, name, operator(workspace))
    say(f"board {name} is closed")


def decide(
    name: Name,
    sweep: Annotated[str, typer.Argument(metavar="SWEEP", help="Sweep with finished runs at the board's budget.")],
) -> None:
    """Score the forecasts of a closed board by the runs of a sweep.

    The size with the lowest mean loss at the budget that was forecast decides, once.
    """
    client = open_service()
    if client:
        client.decide_board(name, sweep)
    else:
        from orchestrator.use_cases.accounts import operator
        from orchestrator.use_cases.boards import decide_board

        workspace = open_workspace()
        decide_board(workspace, name, sweep, operator(workspace))
    say(f"board {name} is decided; see it with: isoflop board show {name}")


def list_boards(output: Output = Format.TABLE) -> None:
    """List the boards, the latest first."""
    client = open_service()
    if client:
        found = client.boards()
    else:
        from orchestrator.use_cases.accounts import operator
        from orchestrator.use_cases.board_table import boards_of, view_json

        workspace = open_workspace()
        found = [view_json(each) for each in boards_of(workspace, operator(workspace))]
    if not found and output is Format.TABLE:
        say("no board yet; an admin opens one with: isoflop board open")
        return
    words = [row | {"state": _state(row), "closes": _day(row["closed_at"] or row["closes_at"])} for row in found]
    emit_rows(words if output is not Format.JSON else found, BOARD_COLUMNS, output, importance=BOARD_COLUMNS)


def _closing(text: str) -> datetime:
    """A moment, or one so long from now on. Raises BadParameter."""
    try:
        return closing_time(text, datetime.now(UTC))
    except BoardError as error:
        raise typer.BadParameter(str(error), param_hint="--closes") from error


def _forecast(params: Number, tokens: Number, loss: Number, low: Number, high: Number) -> Forecast | None:
    """A forecast as it was typed; None where nothing of it was. Raises BadParameter."""
    given = [value for value in (params, tokens, loss, low, high) if value is not None]
    if not given:
        return None
    for option, value in {"--params": params, "--tokens": tokens, "--loss": loss, "--low": low, "--high": high}.items():
        check_positive(option, value)
    if len(given) < 5:
        raise typer.BadParameter("a forecast needs --params, --tokens, --loss, --low and --high")
    return Forecast(*given)


def short_text(file: Path, most: int, where: str) -> str:
    """A UTF-8 file of at most so many bytes. Raises BadParameter."""
    with file.open("rb") as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        raise typer.BadParameter(f"{file} has more than {most // 1024} KiB", param_hint=where)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file} is not UTF-8", param_hint=where) from None


def _in_words(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose intervals are read by a person."""
    words = {key: f"{value[0]:.4g} to {value[1]:.4g}" for key, value in row.items() if isinstance(value, list)}
    return {**row, **words}


def _conditions(found: Mapping[str, Any]) -> list[str]:
    """What a board asks for, and one's own entries, a line each."""
    lines = [f"{found['name']}: {found['metric']}, {format_flops(found['flops'])} FLOPs, {_state(found)}"]
    lines.append(f"{'closed' if found['closed_at'] else 'closes'} {_day(found['closed_at'] or found['closes_at'])}")
    if found["target"] is not None:
        lines.append(f"the budget that is forecast: {format_flops(found['target'])} FLOPs")
    if found["metric"] == Metric.FORECAST and not found["closed_at"]:
        lines.append("forecasts are sealed until the board closes")
    if found["outcome"]:
        lines.append(f"decided by {found['outcome']['sweep']}: loss {found['outcome']['loss']:.4f}")
    if found["group_members"] == 0:
        lines.append(_nobody(found["group"]))
    yours = f"{len(found['own'])} of at most {found['entries_each']}"
    lines.append(f"{plural(found['entrants'], 'member')} entered; entries of yours: {yours}")
    return lines


def _nobody(group: str) -> str:
    """That a group has no members, and what gives it some."""
    return f"nobody is in the group {group} yet: isoflop user set NAME --group {group} puts an account there"


def _state(found: Mapping[str, Any]) -> str:
    """Open or closed."""
    return "open" if found["closed_at"] is None else "closed"


def _day(seconds: float) -> str:
    """A moment in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")

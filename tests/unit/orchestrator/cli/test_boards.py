"""The verbs of boards in a home: opened, shown, entered, closed; closing times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer

from orchestrator.boards import Forecast, NewEntry
from orchestrator.cli.boards import closing_time, short_text
from orchestrator.home import Home
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.cli.conftest import Isoflop
from tests.unit.orchestrator.use_cases.board_homes import ADA, ANN, forecasts

NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", NOW + timedelta(minutes=90)),
        ("1.5d", NOW + timedelta(hours=36)),
        ("2026-12-24T18:00+01:00", datetime(2026, 12, 24, 17, tzinfo=UTC)),
    ],
)
def test_a_closing_time_is_a_moment_or_from_now_on(text: str, moment: datetime) -> None:
    assert closing_time(text, NOW) == moment


@pytest.mark.parametrize("text", ["2026-12-24T18:00", "soon", "", "0001-01-01T00:00+23:59"])
def test_a_time_without_its_zone_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="give one with its zone"):
        closing_time(text, NOW)


def test_a_file_is_read_as_far_as_it_may_be(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes("größer".encode())
    assert short_text(file, 8, "--hidden") == "größer"
    with pytest.raises(typer.BadParameter, match="more than 0 KiB"):
        short_text(file, 7, "--hidden")
    file.write_bytes(b"\xff")
    with pytest.raises(typer.BadParameter, match="not UTF-8"):
        short_text(file, 7, "--hidden")


def test_a_board_from_its_opening_to_its_close(isoflop: Isoflop, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden.txt"
    hidden.write_text("nobody was shown this\n", encoding="utf-8")
    terms = ("--corpus", "c0ffee00c0ffee00", "--flops", "1e12", "--closes", "3h")
    assert isoflop("board", "ls").stdout == ""
    assert isoflop("board", "open", "speed", *terms).code == 2, "neither a hidden file nor a target"
    opened = isoflop("board", "open", "speed", *terms, "--hidden", str(hidden))
    assert opened.code == 0 and "board speed is open until" in opened.stderr
    shown = isoflop("board", "show", "speed", "-o", "json")
    assert (shown.json["metric"], shown.json["table"], shown.json["own"]) == ("bits-per-byte", [], [])
    assert "nobody" not in shown.stdout + opened.stderr
    assert isoflop("board", "enter", "speed").code == 2
    assert isoflop("board", "enter", "speed", "--params", "1").code == 2
    nobody = isoflop("board", "show", "speed")
    assert (nobody.stdout, nobody.stderr.splitlines()[-1]) == (
        "",
        "0 members entered; entries of yours: 0 of at most 5",
    )
    assert isoflop("board", "show", "speed", "-o", "csv").stdout.startswith("place,user,score,")
    forecast = ("--params", 0, "--tokens", 1e5, "--loss", 3, "--low", 2.9, "--high", 3.1)
    assert "Invalid value for --params: 0 is not a positive" in isoflop("board", "enter", "speed", *forecast).stderr
    assert isoflop("board", "enter", "speed", "nothing").code == 3
    assert "speed,open,bits-per-byte" in isoflop("board", "ls", "-o", "csv").stdout
    assert isoflop("board", "close", "speed").code == 0
    again = isoflop("board", "close", "speed")
    assert (again.code, "closed already" in again.stderr) == (2, True)
    assert isoflop("board", "decide", "speed", "x").code == 3
    assert "speed: bits-per-byte, 10¹² FLOPs, closed" in isoflop("board", "show", "speed").stderr


def test_a_table_has_its_intervals_in_words(isoflop: Isoflop, tmp_path: Path) -> None:
    home = Workspace(Home(tmp_path / "home", "test"))
    home.store.add_board(forecasts("d"), None, ADA)
    home.store.add_entry("scaling", NewEntry(flops=1e9, forecast=Forecast(1e4, 1e5, 3.0, 2.9, 3.123456)), ANN)
    home.store.close_board("scaling", ADA)
    home.close()
    assert "2.9 to 3.123 " in isoflop("board", "show", "scaling").stdout
    assert "3.123456" in isoflop("board", "show", "scaling", "-o", "csv").stdout

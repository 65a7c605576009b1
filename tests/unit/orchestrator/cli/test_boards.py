"""The verbs of boards in a home: opened, shown, entered, closed; closing times as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from orchestrator.boards import Forecast, NewEntry
from orchestrator.cli.boards import short_text
from orchestrator.home import Home
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.cli.conftest import Isoflop
from tests.unit.orchestrator.use_cases.board_homes import ADA, ANN, forecasts


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
    when = isoflop("board", "open", "speed", *terms[:-1], "soon", "--hidden", str(hidden))
    assert when.code == 2 and "Invalid value for --closes: 'soon' is no time" in when.stderr
    opened = isoflop("board", "open", "speed", *terms, "--hidden", str(hidden))
    assert opened.code == 0 and "board speed is open until" in opened.stderr and "nobody" not in opened.stderr
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


def test_a_group_that_nobody_is_in_is_remarked_on(isoflop: Isoflop) -> None:
    terms = (
        "--corpus",
        "c0ffee00c0ffee00",
        "--flops",
        "1e12",
        "--closes",
        "3h",
        "--target",
        "1e13",
        "--group",
        "autum",
    )
    opened = isoflop("board", "open", "scaling", *terms)
    assert opened.code == 0
    remark = "nobody is in the group autum yet: isoflop user set NAME --group autum puts an account there"
    assert [run.stderr.splitlines().count(remark) for run in (opened, isoflop("board", "show", "scaling"))] == [1, 1]


def test_a_table_has_its_intervals_in_words(isoflop: Isoflop, tmp_path: Path) -> None:
    home = Workspace(Home(tmp_path / "home", "test"))
    home.store.add_board(forecasts("d"), None, ADA)
    home.store.add_entry("scaling", NewEntry(flops=1e9, forecast=Forecast(1e4, 1e5, 3.0, 2.9, 3.123456)), ANN)
    home.store.close_board("scaling", ADA)
    home.close()
    assert "2.9 to 3.123 " in isoflop("board", "show", "scaling").stdout
    assert "3.123456" in isoflop("board", "show", "scaling", "-o", "csv").stdout

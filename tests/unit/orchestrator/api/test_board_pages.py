"""The pages of boards: the table, one's own entries, the closing time, without a script."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from orchestrator.api.app import create_app
from orchestrator.boards import NewEntry
from orchestrator.people import Actor, Role
from tests.unit.orchestrator.use_cases.board_homes import ADA, ANN, asked, board_home

ME = Actor("me", Role.ADMIN)


def test_boards_are_listed_and_shown_without_a_script(tmp_path: Path) -> None:
    home = board_home(tmp_path)
    store, client = home.workspace.store, TestClient(create_app(home.workspace), base_url="http://127.0.0.1")
    assert "No board yet" in client.get("/boards").text
    store.add_board(asked(), None, ADA)
    store.add_entry("speed", NewEntry(runs=("run0", "run1"), flops=1e9, scores=(2.0, 2.1)), ANN)
    store.add_entry("speed", NewEntry(runs=("run2",), flops=1e9, scores=(2.5,)), ME)
    listed = client.get("/boards").text
    assert '<a href="/boards/speed">speed</a>' in listed and "2096-10-02 07:06 UTC" in listed
    page = client.get("/boards/speed")
    assert page.status_code == 200 and "<script" not in page.text
    for words in (
        "Open until <strong>2096-10-02 07:06 UTC</strong>",
        "2.05",
        "1 run (run2): 2.5",
        "open: p ",
    ):
        assert words in page.text
    assert "nobody was shown" not in page.text
    assert client.get("/boards/none").status_code == 404
    home.workspace.close()

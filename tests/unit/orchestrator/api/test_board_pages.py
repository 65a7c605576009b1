"""The pages of boards, without a script: the table, one's own entries, the closing time, and forms that enter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from model.flops import count_parameters
from orchestrator.api.app import create_app
from orchestrator.boards import NewEntry
from orchestrator.people import Actor, Role
from orchestrator.use_cases import board_entries
from tests.unit.orchestrator.api.browsers import Service
from tests.unit.orchestrator.use_cases.board_homes import ADA, ANN, asked, board_home, forecasts

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


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A board of runs and two of forecasts, the second with a hidden budget; ann has finished runs."""
    home = board_home(tmp_path_factory.mktemp("pages"))
    flops = [home.run(name, "ann", seed=seed) for seed, name in enumerate(("ann0", "ann1"))]
    for board in (
        asked(),
        forecasts(home.dataset, target=flops[0], entries=2),
        forecasts(home.dataset, name="blind", target_shown=False, target=7.123e8),
    ):
        home.workspace.store.add_board(board, None, ADA)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(board_entries, "score_runs", lambda runs, text: tuple(2.0 for _ in runs))
        yield Service(home)
    home.workspace.close()


def test_runs_are_chosen_from_ones_own_entered_and_logged(service: Service) -> None:
    page = service.get("ann", "/boards/speed").text
    value = re.search(r'<option value="(ann[^"]+)">of-ann1: N [^<]+ FLOPs, 2 seeds, loss 3.000</option>', page)
    assert value is not None and set(value[1].split()) == {"ann0", "ann1"}
    answer = service.post("ann", "/boards/speed", {"runs": value[1]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/boards/speed#own-heading")
    assert "2 runs" in service.get("ann", "/boards/speed").text
    entry = next(each for each in service.home.workspace.store.audit() if each.action == "board enter")
    assert (entry.user, entry.subject, entry.request) == ("ann", "speed", answer.headers["x-request-id"])
    again = service.post("ann", "/boards/speed", {"runs": value[1]})
    assert again.status_code == 409 and "has entered one of these runs already" in again.text
    assert 'aria-describedby="runs-refused"' in again.text and f'value="{value[1]}" selected' in again.text


def test_a_forecast_is_typed_mended_and_entered(service: Service) -> None:
    run = service.home.config()
    params = count_parameters(run.model).matmul
    typed = {"params": f"{params}", "tokens": "many", "loss": "3.1", "low": "3.0", "high": "3.2"}
    wrong = service.post("ann", "/boards/scaling", typed)
    assert wrong.status_code == 422 and "Enter the forecast" in wrong.text
    assert 'aria-describedby="tokens-problem"' in wrong.text and "is not a number" in wrong.text
    assert f'value="{params}"' in wrong.text
    far = service.post("ann", "/boards/scaling", typed | {"tokens": "1 G"})
    assert far.status_code == 409 and 'id="forecast-refused"' in far.text and "6·N·D" in far.text
    assert service.post("ann", "/boards/scaling", typed | {"tokens": f"{run.tokens}"}).status_code == 303
    page = service.get("ann", "/boards/scaling").text
    assert "your forecast: N " in page and "Enter the forecast" in page
    assert "your forecast: N " not in service.get("ada", "/boards/scaling").text


def test_of_a_hidden_budget_a_law_alone_is_asked(service: Service) -> None:
    page = service.get("ann", "/boards/blind").text
    assert "Enter its law" in page and "Enter the forecast" not in page and "7.123" not in page
    foreign = service.post("ada", "/boards/blind", {"sweep": "of-ann0"})
    assert foreign.status_code == 403 and "belongs to ann" in foreign.text


@pytest.mark.parametrize(("user", "status", "words"), [("rita", 403, "needs submitter"), ("", 401, "")])
def test_who_may_not_enter_over_rest_may_not_by_the_form(service: Service, user: str, status: int, words: str) -> None:
    answer = service.post(user, "/boards/scaling", {"params": "1"})
    assert answer.status_code == status and words in answer.text


def test_a_reader_is_shown_no_form(service: Service) -> None:
    page = service.get("rita", "/boards/scaling").text
    assert "only submitters and admins enter a board" in page and "<form" not in page


@pytest.mark.parametrize(
    ("form", "status"), [({"runs": "x " * 21}, 422), ({"sweep": "x" * 81}, 422), ({"runs": ""}, 409), ({}, 422)]
)
def test_what_no_browser_sends_is_refused_too(service: Service, form: dict[str, str], status: int) -> None:
    assert service.post("ada", "/boards/speed", form).status_code == status


def test_a_form_of_another_site_is_refused(service: Service) -> None:
    answer = service.post("ann", "/boards/speed", {"runs": "ann0"}, {"Origin": "https://elsewhere.example"})
    assert answer.status_code == 403 and "may not change anything here" in answer.text

"""An admin opens, closes and decides boards by forms, without a script; what is refused is said beside its field."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.orchestrator.api.browsers import Service
from tests.unit.orchestrator.use_cases.board_homes import ADA, CORPUS, HIDDEN, asked, board_home, forecasts

RUNS = {
    "metric": "bits-per-byte",
    "name": "fast",
    "corpus": CORPUS,
    "flops": "8×10⁹",
    "closes": "14d",
    "group": "autum",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = board_home(tmp_path_factory.mktemp("steering"))
    home.run("ann0", "ann")
    for board in (asked(), asked(name="short"), forecasts(home.dataset)):
        home.workspace.store.add_board(board, None, ADA)
    yield Service(home)
    home.workspace.close()


def test_a_board_of_runs_is_mistyped_mended_and_opened(service: Service) -> None:
    page = service.get("ada", "/boards").text
    assert "<script" not in page and '<option value="of-ann0">' in page and page.count("<details") == 2
    wrong = service.post("ada", "/boards", RUNS | {"flops": "much"}, file=HIDDEN.encode())
    assert wrong.status_code == 422 and wrong.text.count('role="alert"') == 2
    for words in ('aria-describedby="flops-problem"', "&#39;much&#39; is not a number", "Choose the file again",
                  'value="autum"', '<details class="opening" open><summary>A board of runs'):  # fmt: skip
        assert words in wrong.text
    made = service.post("ada", "/boards", RUNS, file=HIDDEN.encode())
    assert (made.status_code, made.headers["location"]) == (303, "/boards/fast#conditions-heading")
    board = service.home.workspace.store.board("fast")
    assert (board.user, board.asked.text, board.asked.flops) == ("ada", HIDDEN, 8e9)
    shown = service.get("ada", "/boards/fast").text
    assert "of autum, in which nobody is yet" in shown and "größer" not in shown
    entry = next(each for each in service.home.workspace.store.audit() if each.action == "board open")
    assert (entry.user, entry.subject, entry.request) == ("ada", "fast", made.headers["x-request-id"])


@pytest.mark.parametrize(
    ("changes", "status", "field", "words"),
    [
        ({"name": "speed"}, 409, "name", "There is a board speed already: give another name."),
        ({"name": "No Name"}, 422, "name", "use lower-case letters"),
        ({"corpus": "nothing"}, 404, "corpus", "There is no sweep"),
        ({"closes": "2020-01-01T00:00Z"}, 409, "closes", "The closing time has passed"),
        ({"entries": "101"}, 409, "entries", "from 1 to 100 entries"),
        ({"target": ""}, 422, "target", "Type a number of FLOPs above 0"),
    ],
)
def test_what_is_refused_is_said_beside_its_field(
    service: Service, changes: dict[str, str], status: int, field: str, words: str
) -> None:
    corpus = service.home.dataset
    form = RUNS | {"metric": "forecast", "name": "new", "corpus": corpus, "group": "", "target": "1e10"} | changes
    answer = service.post("ada", "/boards", form)
    assert answer.status_code == status and answer.text.count('role="alert"') == 1
    assert f'aria-describedby="{field}-problem"' in answer.text and words in answer.text


@pytest.mark.parametrize("text", [b"", b"\xff", b" \n"])
def test_a_file_without_a_text_is_refused_at_its_field(service: Service, text: bytes) -> None:
    answer = service.post("ada", "/boards", RUNS | {"name": "other"}, file=text)
    assert answer.status_code in (409, 422) and 'aria-describedby="text-problem"' in answer.text


def test_a_board_is_closed_once(service: Service) -> None:
    page = service.get("ada", "/boards/short").text
    assert 'action="/boards/short/close#table-heading"' in page and "Close it for good" in page
    closed = service.post("ada", "/boards/short/close", {})
    assert (closed.status_code, closed.headers["location"]) == (303, "/boards/short#table-heading")
    again = service.post("ada", "/boards/short/close", {})
    assert again.status_code == 409 and "Board short is closed already." in again.text
    assert "Close it for good" not in again.text
    assert service.post("ada", "/boards/none/close", {}).status_code == 404


def test_a_sweep_that_cannot_decide_is_refused_at_its_field(service: Service) -> None:
    early = service.post("ada", "/boards/scaling/decide", {"sweep": "of-ann0"})
    assert early.status_code == 409
    service.post("ada", "/boards/scaling/close", {})
    assert "Let it decide" in service.get("ada", "/boards/scaling").text
    for sweep, status, words in (("nothing", 404, "There is no sweep"), ("of-ann0", 409, "has 0 sizes at 6e+09 FLOPs")):
        answer = service.post("ada", "/boards/scaling/decide", {"sweep": sweep})
        assert answer.status_code == status and words in answer.text and f'value="{sweep}"' in answer.text
        assert 'aria-describedby="sweep-problem"' in answer.text


@pytest.mark.parametrize("path", ["/boards", "/boards/speed/close", "/boards/speed/decide"])
@pytest.mark.parametrize(("user", "status"), [("ann", 403), ("rita", 403), ("", 401)])
def test_only_an_admin_steers_boards(service: Service, path: str, user: str, status: int) -> None:
    assert service.post(user, path, RUNS | {"name": "theirs"}).status_code == status
    shown = [service.get("ann", "/boards").text, service.get("ann", "/boards/speed").text]
    assert not any("Open a board" in page or "Close this board" in page for page in shown)


@pytest.mark.parametrize("path", ["/boards", "/boards/speed/close", "/boards/speed/decide"])
def test_a_form_of_another_site_is_refused(service: Service, path: str) -> None:
    answer = service.post("ada", path, RUNS | {"name": "theirs"}, {"Origin": "https://elsewhere.example"})
    assert answer.status_code == 403 and "may not change anything here" in answer.text

"""Boards and classes over REST: typed, checked, logged; and nothing that is hidden leaks by any route before the close."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from orchestrator.api.app import create_app
from orchestrator.api.board_schemas import BoardShown, HandedOut, Student
from orchestrator.api.permissions import NEEDS
from orchestrator.people import Role
from orchestrator.use_cases import board_entries
from orchestrator.use_cases.accounts import add_user
from tests.unit.orchestrator.use_cases.board_homes import CORPUS, HIDDEN, BoardHome, board_home

LATER = "2126-11-26T18:00:00+00:00"
TARGET = 7.123e8
TYPED = {"params": 2345.0, "tokens": 43210.0, "loss": 3.14159, "low": 3.02711, "high": 3.29873}
SECRETS = ("712300000", "7.123e+08", "7.123e8", "2345.0", "43210", "3.14159", "3.02711", "3.29873", "nobody was shown")
"""Of the hidden file, the hidden budget and ann's forecast."""
STREAMS = "/api/v1/sweeps/{name}/events"


class Service:
    """A service in which ann and bob have a run each; ada is its admin."""

    def __init__(self, home: BoardHome) -> None:
        self.home = home
        workspace = home.workspace
        roles = {"ada": Role.ADMIN, "ann": Role.SUBMITTER, "bob": Role.SUBMITTER, "rita": Role.READER}
        self.tokens = {name: add_user(workspace, name, role, "cs", "t", None) for name, role in roles.items()}
        self.client = TestClient(create_app(workspace), base_url="http://127.0.0.1", follow_redirects=False)

    def get(self, user: str, path: str) -> Any:
        return self.client.get(path, headers={"Authorization": f"Bearer {self.tokens[user]}"})

    def post(self, user: str, path: str, body: Any = None) -> Any:
        return self.client.post(path, json=body, headers={"Authorization": f"Bearer {self.tokens[user]}"})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A board of runs, one of forecasts whose budget is shown and one whose is not, each entered by ann."""
    home = board_home(tmp_path_factory.mktemp("boards"))
    for name, user in (("ann0", "ann"), ("bob0", "bob")):
        home.run(name, user, seed=len(name) + ord(name[0]))
    made = Service(home)
    common = {"flops": 1e12, "closes": LATER, "group": "cs"}
    blind = {"name": "blind", "metric": "forecast", "corpus": home.dataset, "target": TARGET, **common}
    speed = {"name": "speed", "metric": "bits-per-byte", "corpus": CORPUS, "text": HIDDEN, **common}
    for body in (speed, blind, blind | {"name": "shown", "target_shown": True, "target": 9e8, "entries": 1}):
        assert made.post("ada", "/api/v1/boards", body).status_code == 201
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(board_entries, "score_runs", scored)
        patch.setattr(board_entries, "forecast_of", forecast)
        yield made
    home.workspace.close()


def scored(runs: Any, text: str) -> tuple[float, ...]:
    """What scoring would give."""
    assert text == HIDDEN
    return tuple(2.0 for _ in runs)


def forecast(answers: Any, target: float) -> Any:
    """What a law would say."""
    from orchestrator.boards import Forecast

    assert target == TARGET
    return Forecast(**TYPED)


def test_members_enter_runs_a_law_and_a_forecast(service: Service) -> None:
    runs = service.post("ann", "/api/v1/boards/speed/entries", {"runs": ["ann0"]})
    assert runs.status_code == 201
    shown = BoardShown.model_validate(runs.json())
    assert [(row.user, row.score) for row in shown.table] == [("ann", 2.0)] and shown.own[0].runs == ["ann0"]
    law = service.post("ann", "/api/v1/boards/blind/entries", {"sweep": "of-ann0"})
    assert law.status_code == 201 and BoardShown.model_validate(law.json()).own[0].params is None
    typed = service.post("ann", "/api/v1/boards/shown/entries", {"forecast": TYPED})
    assert typed.status_code == 201 and typed.json()["own"][0]["loss_interval"] == [TYPED["low"], TYPED["high"]]
    boards = TypeAdapter(list[BoardShown]).validate_python(service.get("rita", "/api/v1/boards").json())
    assert [(board.name, board.entrants) for board in boards] == [("shown", 1), ("blind", 1), ("speed", 1)]


@pytest.mark.parametrize(
    ("user", "path", "body", "status", "kind"),
    [
        ("bob", "speed/entries", {"runs": ["ann0"]}, 403, "forbidden"),
        ("bob", "shown/entries", {"forecast": TYPED | {"tokens": 1e9}}, 409, "board"),
        ("bob", "blind/entries", {"forecast": TYPED}, 409, "board"),
        ("bob", "shown/entries", {"forecast": TYPED, "sweep": "x"}, 409, "board"),
        ("bob", "shown/entries", {"forecast": TYPED | {"loss": -1}}, 422, "invalid-request"),
        ("bob", "speed/entries", {"run": ["bob0"]}, 422, "invalid-request"),
        ("rita", "speed/entries", {"runs": ["ann0"]}, 403, "forbidden"),
        ("bob", "speed/close", None, 403, "forbidden"),
        ("bob", "shown/decide", {"sweep": "x"}, 403, "forbidden"),
        ("ada", "none/close", None, 404, "not-found"),
    ],
)
def test_what_may_not_be_is_refused_with_its_kind(
    service: Service, user: str, path: str, body: Any, status: int, kind: str
) -> None:
    answer = service.post(user, f"/api/v1/boards/{path}", body)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:isoflop:{kind}")


def test_nothing_hidden_is_read_by_a_member_through_any_route_log_or_refusal(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """Ann has entered all three boards in the test before."""
    assert service.home.workspace.store.entries(2), "nothing was entered: this test would see nothing"
    caplog.set_level(logging.DEBUG)
    reads = sorted(path for method, path in NEEDS if method == "GET" and path != STREAMS)
    assert len(reads) > 35
    values = {"name": "of-ann0", "run": "ann0", "chart": "isoflop", "suffix": "svg", "plot": "isoflop",
              "user": "ann", "group": "cs"}  # fmt: skip
    seen = [service.get("bob", path.format(**values)) for path in reads if "{board}" not in path]
    for board in ("speed", "blind", "shown"):
        seen += [service.get("bob", path.format(board=board)) for path in reads if "{board}" in path]
    for body in ({"sweep": "of-ann0"}, {"sweep": "of-bob0", "runs": []}, {"forecast": {"params": 1}}):
        seen.append(service.post("bob", "/api/v1/boards/blind/entries", body))
    assert len(seen) > 40
    shown = "".join(answer.text for answer in seen) + caplog.text + repr(service.home.workspace.store.audit())
    assert [secret for secret in SECRETS if secret in shown] == []


def test_artifacts_hold_nothing_hidden(service: Service) -> None:
    root = service.home.workspace.home.root
    files = [path for path in root.rglob("*") if path.is_file() and not path.name.startswith("isoflop.db")]
    assert files
    assert [str(path) for path in files if b"nobody was shown" in path.read_bytes()] == []


def test_every_change_is_in_the_log_with_its_request(service: Service) -> None:
    answer = service.post("ada", "/api/v1/boards/shown/close")
    assert answer.status_code == 200 and answer.json()["closed_at"] is not None
    entries = {(entry.action, entry.subject): entry for entry in service.home.workspace.store.audit()}
    assert entries["board close", "shown"].request == answer.headers["x-request-id"]
    assert {entry.user for key, entry in entries.items() if key[0] == "board open"} == {"ada"}
    late = service.post("bob", "/api/v1/boards/shown/entries", {"forecast": TYPED})
    assert (late.status_code, late.json()["detail"]) == (409, "board shown is closed")
    after = service.get("bob", "/api/v1/boards/shown").json()
    assert (after["target"], after["table"][0]["loss"]) == (9e8, TYPED["loss"])


def test_a_class_is_enrolled_and_watched_by_its_admin(service: Service) -> None:
    body = {"names": ["dan", "eve"], "flops": 1e9}
    made = service.post("ada", "/api/v1/classes/autumn", body)
    assert made.status_code == 201
    handed = TypeAdapter(list[HandedOut]).validate_python(made.json())
    assert [each.user for each in handed] == ["dan", "eve"]
    service.tokens["dan"] = handed[0].token
    assert service.get("dan", "/api/v1/account").json()["quota"]["flops"] == 1e9
    students = TypeAdapter(list[Student]).validate_python(service.get("ada", "/api/v1/classes/autumn").json())
    assert [(each.user, each.flops_left) for each in students] == [("dan", 1e9), ("eve", 1e9)]
    assert service.post("ann", "/api/v1/classes/autumn", body).status_code == 403


def test_an_unchanged_board_is_not_sent_again(service: Service) -> None:
    first = service.get("bob", "/api/v1/boards/speed")
    headers = {"Authorization": f"Bearer {service.tokens['bob']}", "If-None-Match": first.headers["etag"]}
    assert service.client.get("/api/v1/boards/speed", headers=headers).status_code == 304
    assert "private" in first.headers["cache-control"]

"""The routes about people: everybody sees their own lines, admins everybody's and the log."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from orchestrator.api.app import create_app
from orchestrator.people import Quota, Role
from orchestrator.use_cases.accounts import add_user, change_user
from tests.unit.orchestrator.store_fixtures import new_run, sweep_record
from tests.unit.orchestrator.use_cases.homes import finish, open_home

Asked = dict[str, str]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> tuple[TestClient, Asked]:
    """A service of ada, an admin, and sam, who paid for one run and cancels another."""
    home = open_home(tmp_path_factory.mktemp("people"))
    home.store.submit(sweep_record("done", user="sam"), [new_run(0, 5.0)])
    home.store.submit(sweep_record("open", user="sam"), [new_run(1, 5.0)])
    home.store.submit(sweep_record("other", user="tom"), [new_run(2, 5.0)])
    finish(home, "run0")
    tokens = {name: add_user(home, name, role, "lab", "t", None) for name, role in
              (("sam", Role.SUBMITTER), ("ada", Role.ADMIN))}  # fmt: skip
    change_user(home, "sam", None, None, Quota(flops=1e12, sweeps=3))
    return TestClient(create_app(home), base_url="http://127.0.0.1"), tokens


def bearer(service: tuple[TestClient, Asked], name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {service[1][name]}"}


def test_an_account_says_who_one_is_and_what_is_left(service: tuple[TestClient, Asked]) -> None:
    answer = service[0].get("/api/v1/account", headers=bearer(service, "sam")).json()
    assert (answer["name"], answer["role"], answer["group"]) == ("sam", "submitter", "lab")
    assert answer["quota"] == {"flops": 1e12, "seconds": None, "sweeps": 3}
    assert answer["used"]["flops"] == 1e9 + 2e9


def test_the_ledger_has_ones_own_lines_and_an_admins_everybodys(service: tuple[TestClient, Asked]) -> None:
    client = service[0]
    mine = client.get("/api/v1/ledger", headers=bearer(service, "sam")).json()
    assert {row["user"] for row in mine} == {"sam"} and len(mine) == 2
    everything = client.get("/api/v1/ledger", headers=bearer(service, "ada")).json()
    assert {row["user"] for row in everything} == {"sam", "tom"}
    table = client.get("/api/v1/ledger.csv", headers=bearer(service, "ada"))
    assert table.headers["content-type"].startswith("text/csv")
    assert [row["sweep"] for row in csv.DictReader(io.StringIO(table.text))] == ["done", "open", "other"]


def test_the_log_says_who_did_what_from_where_under_which_id(service: tuple[TestClient, Asked], tmp_path: Path) -> None:
    client = service[0]
    answer = client.post("/api/v1/sweeps/open/cancel", headers=bearer(service, "sam"))
    assert answer.status_code == 200
    (entry, *_) = client.get("/api/v1/audit", headers=bearer(service, "ada"), params={"limit": 1}).json()
    assert (entry["user"], entry["action"], entry["subject"]) == ("sam", "cancel", "open@aaaa0000")
    assert (entry["address"], entry["request"]) == ("testclient", answer.headers["x-request-id"])
    page = client.get("/api/v1/audit", headers=bearer(service, "ada"), params={"limit": 1})
    assert int(page.headers["x-total-count"]) > 5 and 'rel="next"' in page.headers["link"]
    table = client.get("/api/v1/audit.csv", headers=bearer(service, "ada"))
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert rows[0]["action"] == "cancel" and {"user add", "token add", "user set"} <= {row["action"] for row in rows}
    assert not any(token in table.text for token in service[1].values()), "no token is in the log"

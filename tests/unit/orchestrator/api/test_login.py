"""Logging in: a token becomes a cookie that scripts and other sites cannot use, and no link leads astray."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from orchestrator.api.app import create_app
from orchestrator.api.guard import COOKIE
from orchestrator.api.login import address, local
from orchestrator.people import Role
from orchestrator.use_cases.accounts import add_user, revoke
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.use_cases.homes import open_home

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    opened = open_home(tmp_path_factory.mktemp("login"))
    yield opened
    opened.close()


def browser(home: Workspace, host: str = "127.0.0.1") -> TestClient:
    return TestClient(create_app(home), base_url=f"http://{host}", follow_redirects=False)


def test_without_accounts_the_form_says_that_none_is_needed(home: Workspace) -> None:
    page = browser(home).get("/login")
    assert "This service has no accounts" in page.text and "<form" not in page.text


def test_everything_that_the_form_links_is_seen_before_one_logs_in(home: Workspace) -> None:
    add_user(home, "rita", Role.READER, "", "laptop", None)
    client = browser(home)
    linked = re.findall(r'(?:href|src)="(/static/[^"]+)"', client.get("/login").text)
    assert "/static/page.css" in linked
    assert {client.get(each).status_code for each in linked} == {200}


def test_a_person_logs_in_reads_and_logs_out(home: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    client, token = browser(home), add_user(home, "rita", Role.READER, "", "laptop", 90)
    away = client.get("/", headers={"Accept": "text/html"})
    assert (away.status_code, away.headers["location"]) == (303, "/login")
    wrong = client.post("/login", content="token=isoflop_wrong&next=/", headers=FORM)
    assert wrong.status_code == 401 and "unknown, has expired, or was revoked" in wrong.text
    assert "set-cookie" not in wrong.headers
    assert (
        f"refused (wrong token): POST '/login' from testclient (request {wrong.headers['x-request-id']})" in caplog.text
    )
    assert "isoflop_wrong" not in caplog.text
    done = client.post("/login", content=f"token={token}&next=%2Fsweeps%2Fx%3Fflops%3D1", headers=FORM)
    assert (done.status_code, done.headers["location"]) == (303, "/sweeps/x?flops=1")
    assert client.get("/").status_code == 200 and client.get("/api/v1/sweeps").status_code == 200
    page = client.get("/login")
    assert "Logged in as rita" in page.text and page.headers["cache-control"] == "no-store"
    out = client.post("/logout")
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert COOKIE not in client.cookies and client.get("/api/v1/sweeps").status_code == 401


def test_a_revoked_token_ends_the_session(home: Workspace) -> None:
    client, token = browser(home), add_user(home, "rita", Role.READER, "", "laptop", None)
    add_user(home, "ada", Role.ADMIN, "", "laptop", None)
    client.post("/login", content=f"token={token}", headers=FORM)
    assert client.get("/").status_code == 200
    revoke(home, "rita", "laptop")
    assert client.get("/api/v1/sweeps").status_code == 401


@pytest.mark.parametrize(("host", "secure"), [("127.0.0.1", False), ("localhost:8337", False), ("lab.example", True)])
def test_the_cookie_is_out_of_reach(home: Workspace, host: str, secure: bool) -> None:
    token = add_user(home, "rita", Role.READER, "", "laptop", None)
    headers = FORM | ({"Origin": f"https://{host}"} if secure else {})
    cookie = browser(home, host).post("/login", content=f"token={token}", headers=headers).headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/;" in cookie + ";"
    assert ("secure" in cookie) == secure


def test_a_login_over_plain_http_from_elsewhere_says_that_it_cannot_last(home: Workspace) -> None:
    token = add_user(home, "rita", Role.READER, "", "laptop", None)
    client, form = browser(home, "lab.example"), f"token={token}"
    answer = client.post("/login", content=form, headers=FORM | {"Origin": "http://lab.example"})
    assert answer.status_code == 400 and "set-cookie" not in answer.headers
    assert "over plain HTTP, where browsers do not keep a login: open it at an https:// address" in answer.text
    assert client.post("/login", content=form, headers=FORM | {"X-Forwarded-Proto": "https"}).status_code == 303


def test_a_page_of_another_site_cannot_log_anybody_in(home: Workspace) -> None:
    token = add_user(home, "rita", Role.READER, "", "laptop", None)
    headers = FORM | {"Origin": "http://evil.example"}
    assert browser(home).post("/login", content=f"token={token}", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("target", "expected"),
    [("/", "/"), ("/sweeps/x?a=b", "/sweeps/x?a=b"), ("//evil.example", "/"), ("/\\evil.example", "/"),
     ("https://evil.example", "/"), ("", "/"), ("/a\r\nSet-Cookie: b", "/"), ("sweeps", "/")],
)  # fmt: skip
def test_a_link_leads_only_into_this_service(target: str, expected: str) -> None:
    assert local(target) == expected
    assert address("/a?b=c") == "/login?next=%2Fa%3Fb%3Dc" and address("/") == "/login"

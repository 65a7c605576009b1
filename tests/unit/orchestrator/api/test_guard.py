"""Who is let in: loopback or the token, no foreign pages, no large bodies; and the headers of every answer."""

from __future__ import annotations

import base64

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from orchestrator.api import guard
from orchestrator.api.guard import BODY_BYTES, POLICY, BindError, check_bind, user_of


def client_of(token: str | None = None, host: str = "127.0.0.1") -> TestClient:
    app = FastAPI()
    guard.install(app, token)

    @app.get("/")
    @app.post("/")
    @app.get("/healthz")
    def answer(request: Request) -> str:
        return user_of(request)

    return TestClient(app, base_url=f"http://{host}")


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "host.example"])
def test_any_address_but_loopback_needs_a_token(host: str) -> None:
    for token in (None, ""):
        with pytest.raises(BindError, match=f"--host {host} .* set ISOFLOP_TOKEN"):
            check_bind(host, token)
    check_bind(host, "secret")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    check_bind(host, None)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer secret"}, 200),
        ({"Authorization": "bearer secret"}, 200),
        ({"Authorization": "Token secret"}, 401),
        ({"Authorization": "Basic !"}, 401),
        ({"Authorization": "Basic " + base64.b64encode(b"\xff:secret").decode()}, 401),
        (basic("me", "secret"), 200),
        (basic("secret", ""), 401),
    ],
)
def test_a_token_is_a_bearer_token_or_a_password(header: dict[str, str], status: int) -> None:
    answer = client_of("secret", "host.example").get("/", headers=header)
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Basic")
        assert answer.json()["type"] == "urn:isoflop:unauthorised"


def test_health_is_seen_without_the_token() -> None:
    assert client_of("secret").get("/healthz").status_code == 200


def test_without_a_token_only_localhost_is_answered() -> None:
    """A page whose name was pointed to loopback sends its own name as Host and Origin alike."""
    answer = client_of(host="evil.example").get("/")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:isoflop:foreign-host")
    assert client_of(host="localhost").get("/").status_code == 200
    assert client_of(host="[::1]").get("/").status_code == 200


@pytest.mark.parametrize(
    ("method", "origin", "status"),
    [
        ("POST", "http://127.0.0.1", 200),
        ("POST", "http://evil.example", 403),
        ("GET", "http://evil.example", 200),
        ("POST", None, 200),
    ],
)
def test_another_page_may_read_but_not_change(method: str, origin: str | None, status: int) -> None:
    answer = client_of().request(method, "/", headers={"Origin": origin} if origin else {})
    assert answer.status_code == status


@pytest.mark.parametrize(("length", "status"), [(str(BODY_BYTES), 200), (str(BODY_BYTES + 1), 413), ("many", 413)])
def test_a_body_is_limited(length: str, status: int) -> None:
    assert client_of().post("/", headers={"Content-Length": length}, content=iter([b""])).status_code == status
    assert BODY_BYTES == 262_144


@pytest.mark.parametrize("path", ["/", "/nowhere"])
def test_every_answer_has_the_security_headers(path: str) -> None:
    headers = client_of().get(path).headers
    assert headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY and "default-src 'self'" in POLICY and "frame-ancestors 'none'" in POLICY
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"


def test_the_user_is_the_name_of_basic_authentication() -> None:
    client = client_of()
    assert client.get("/", headers=basic("ada", "x")).json() == "ada"
    assert client.get("/", headers=basic("a" * 65, "x")).json() == "a" * 64
    assert client.get("/", headers={"Authorization": "Bearer x"}).json() == ""
    assert client.get("/").json() == ""

"""Who is let in: loopback or the token, no foreign pages, no large bodies."""

from __future__ import annotations

import base64

import pytest
from starlette.datastructures import Headers

from orchestrator.api.guard import (
    BODY_BYTES,
    COOKIE,
    TARGET_CHARACTERS,
    BindError,
    check_bind,
    credentials_of,
    refusal,
    secret_of,
)

TOKEN = "0123456789abcdef"


def basic(text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    return "Basic " + base64.b64encode(data).decode()


def status(token: str | None = None, method: str = "GET", target: str = "/", **headers: str) -> int:
    """The status of the refusal; 200 for a request that is let in."""
    named = Headers({"host": "localhost:8337"} | {name.replace("_", "-"): value for name, value in headers.items()})
    known = bool(token) and secret_of(named) == token
    refused = refusal(method, target, named, closed=bool(token), known=known)
    return refused.status if refused else 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "host.example", "localhost.evil.example", ""])
def test_any_address_but_loopback_needs_a_token(host: str) -> None:
    with pytest.raises(BindError, match=f"--host {host} .* set ISOFLOP_TOKEN .* isoflop user add"):
        check_bind(host, closed=False)
    check_bind(host, closed=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    check_bind(host, closed=False)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", 401),
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN} ", 200),
        (basic(f"me:{TOKEN}"), 200),
        (basic(f":{TOKEN}"), 200),
        (basic(f"me:{TOKEN}\n"), 200),
        (TOKEN, 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        (f"Bearer {TOKEN[:1]}", 401),
        (f"Bearer {TOKEN}0", 401),
        (f"Bearer 0{TOKEN}", 401),
        (f"Bearer {TOKEN.upper()}", 401),
        (f"Bearer me:{TOKEN}", 401),
        (f"Token {TOKEN}", 401),
        (f"Basic {TOKEN}", 401),
        (basic(TOKEN), 401),
        (basic(f"{TOKEN}:"), 401),
        (basic("me:"), 401),
        (basic(f"me:{TOKEN[:-1]}"), 401),
        (basic(f"me:x:{TOKEN}"), 401),
        (basic(b"\xe9:" + TOKEN.encode()), 401),
        (basic(f"m\0e:{TOKEN}"), 401),
        ("Basic !", 401),
        ("Basic =", 401),
        ("Basic é", 401),
    ],
)
@pytest.mark.parametrize("host", ["localhost:8337", "host.example"])
def test_a_token_is_a_whole_bearer_token_or_a_whole_password(header: str, expected: int, host: str) -> None:
    assert status(TOKEN, host=host, authorization=header) == expected


@pytest.mark.parametrize("token", [None, ""])
@pytest.mark.parametrize("header", ["Bearer ", "Bearer x", basic("me:"), basic("me:x"), ""])
def test_an_empty_token_is_none(token: str | None, header: str) -> None:
    assert status(token, authorization=header) == 200
    assert status(token, authorization=header, host="host.example") == 403


def test_only_health_and_the_form_are_seen_without_the_token() -> None:
    for target in ("/healthz", "/healthz?x=1", "/login", "/login?next=%2F", "/logout", "/static/page.css"):
        assert status(TOKEN, target=target) == 200
    for target in (
        "/",
        "/healthz/",
        "/healthz2",
        "/?/healthz",
        "/login/",
        "/static/live.js",
        "/api/v1/sweeps",
        "//healthz",
        "/HEALTHZ",
    ):
        assert status(TOKEN, target=target) == 401


@pytest.mark.parametrize("header", ["Basic !", basic(b"\xe9:x"), basic("a\x1b[2J:x"), basic("a\nb:x")])
def test_without_a_token_an_unreadable_name_is_a_bad_request(header: str) -> None:
    assert status(authorization=header) == 400


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", 200),
        ("127.0.0.1:80", 200),
        ("127.0.0.2", 200),
        ("[::1]:8337", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("192.0.2.1:8337", 403),
        ("[2001:db8::1]", 403),
        ("[::1", 400),
        ("::1]", 400),
        ("[:::1]", 400),
        ("[....]", 400),
        ("", 400),
        ("a b", 400),
        ("localhost:port", 400),
        ("localhost;reboot", 400),
        ("localhost/..", 400),
        ("me@localhost", 400),
        ("localhost:123456", 400),
        ("é.example", 400),
    ],
)
def test_without_a_token_only_localhost_is_answered(host: str, expected: int) -> None:
    assert status(host=host) == expected


@pytest.mark.parametrize("host", ["[::1", "", "a b", "localhost;reboot"])
def test_a_host_that_is_none_is_refused_with_a_token_too(host: str) -> None:
    assert status(TOKEN, host=host, authorization=f"Bearer {TOKEN}") == 400


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("POST", {}, 200),
        ("POST", {"origin": "http://localhost:8337"}, 200),
        ("POST", {"origin": "https://localhost:8337", "sec-fetch-site": "same-origin"}, 200),
        ("POST", {"sec-fetch-site": "none"}, 200),
        ("POST", {"origin": "http://localhost"}, 403),
        ("POST", {"origin": "http://localhost:8338"}, 403),
        ("POST", {"origin": "http://evil.example"}, 403),
        ("POST", {"origin": "http://localhost:8337.evil.example"}, 403),
        ("POST", {"origin": "null"}, 403),
        ("POST", {"origin": ""}, 403),
        ("POST", {"origin": "http://[::1"}, 403),
        ("POST", {"sec-fetch-site": "cross-site"}, 403),
        ("POST", {"sec-fetch-site": "same-site"}, 403),
        ("POST", {"origin": "http://localhost:8337", "sec-fetch-site": "cross-site"}, 403),
        ("DELETE", {"origin": "http://evil.example"}, 403),
        ("PUT", {"sec-fetch-site": "cross-site"}, 403),
        ("GET", {"origin": "http://evil.example"}, 200),
        ("GET", {"sec-fetch-site": "cross-site"}, 200),
        ("HEAD", {"origin": "http://[::1"}, 200),
    ],
)
@pytest.mark.parametrize("token", [None, TOKEN])
def test_another_page_may_not_change_anything(
    method: str, headers: dict[str, str], expected: int, token: str | None
) -> None:
    named = {name.replace("-", "_"): value for name, value in headers.items()}
    assert status(token, method, authorization=f"Bearer {TOKEN}", **named) == expected


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        ("0", 200),
        (str(BODY_BYTES), 200),
        (str(BODY_BYTES + 1), 413),
        ("many", 413),
        ("-1", 413),
        ("²", 413),
        ("1" * 5000, 413),
        ("", 413),
    ],
)
def test_a_body_is_limited(length: str, expected: int) -> None:
    assert status(content_length=length) == expected
    assert BODY_BYTES == 262_144


def test_path_and_query_are_limited() -> None:
    assert status(target="/" * TARGET_CHARACTERS) == 200
    assert status(target="/" * (TARGET_CHARACTERS + 1)) == 414
    assert status(TOKEN, target="/" * (TARGET_CHARACTERS + 1)) == 414


def test_the_name_of_basic_authentication_is_ignored() -> None:
    assert credentials_of(basic("ada:x")) == credentials_of(basic("bob:x")) == credentials_of("Bearer x") == "x"
    assert credentials_of(basic("ada")) == ""
    assert credentials_of("Digest x") is None


def test_a_cookie_counts_where_no_header_says_otherwise() -> None:
    cookie = {"cookie": f"a=b; {COOKIE}={TOKEN}"}
    assert secret_of(Headers(cookie)) == TOKEN
    assert secret_of(Headers({**cookie, "authorization": "Bearer other"})) == "other"
    assert secret_of(Headers({**cookie, "authorization": "Digest other"})) == ""
    assert secret_of(Headers({})) == ""
    assert status(TOKEN, cookie=cookie["cookie"]) == 200

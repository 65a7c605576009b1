"""Whatever a stranger sends is answered by a page, JSON or a problem document: never by a defect."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestrator.api.app import create_app
from orchestrator.api.asked import Asked
from tests.unit.orchestrator.api.varied import varied_home

NUMBERS = st.one_of(
    st.sampled_from(
        ["1e308", "-1e308", "1e-300", "5e-324", "0", "-0.0", "inf", "-inf", "nan", "", "²", "1_000", "0x1p3"]
    ),
    st.floats(min_value=1e-3, max_value=1e30).map(repr),
    st.integers(-(10**40), 10**40).map(str),
)
TEXTS = st.one_of(
    st.sampled_from(["varied", "varied@0123456789ab", "varied@", "@", "%", "..", ".", "a/b", "%2e%2e", "\0", "x" * 5000, "💥"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)  # fmt: skip
VARIANTS = st.one_of(st.just("qk_norm=True"), st.sampled_from(["qk_norm", "=", "qk_norm=,", "lr=1"]), TEXTS)
NUMERIC = sorted(set(Asked.model_fields) - {"device", "variant"})
FUZZ = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """The service over a home with a varied sweep, nearly finished."""
    app = create_app(varied_home(tmp_path_factory.mktemp("strangers")))
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)


def finite(name: str) -> float:
    """Refuse what is not JSON."""
    raise AssertionError(f"{name} is not JSON")


def asked(client: TestClient, path: str, method: str = "GET", **query: str) -> None:
    """Ask, and check the form of the answer."""
    answer = client.request(method, path, params=query)
    assert answer.status_code < 500, answer.text
    if "json" in answer.headers.get("content-type", ""):
        data = json.loads(answer.text, parse_constant=finite)
        assert answer.status_code < 400 or {"type", "title", "status", "detail"} <= set(data)
    else:
        assert answer.status_code in (200, 307, 404)


@pytest.mark.slow
@FUZZ
@given(st.dictionaries(st.sampled_from(NUMERIC), NUMBERS, min_size=1, max_size=3), VARIANTS)
@example({"params": "1e308"}, "qk_norm=True")
@example({"params": "1e308", "tokens": "1e308"}, "qk_norm=True")
@example({"flops": "1e12", "inference_tokens": "1e300"}, "qk_norm=True")
@example({"flops": "1e12", "max_tokens": "1"}, "qk_norm=True")
@example({"loss": "2.0", "too_small": "1e9"}, "qk_norm=True")
def test_any_question(client: TestClient, question: dict[str, str], variant: str) -> None:
    asked(client, "/api/v1/sweeps/varied/prediction", variant=variant, **question)


@FUZZ
@given(TEXTS, st.sampled_from(["", "/fit", "/prediction", "/comparison", "/chart", "/events", "/pause"]), VARIANTS)
@example("x" * 5000, "", "")
def test_any_sweep(client: TestClient, name: str, route: str, variant: str) -> None:
    if name.partition("@")[0] == "varied":
        route = "/fit"
    query = {"axis": variant, "baseline": name} if route == "/comparison" else {"variant": variant}
    asked(client, f"/api/v1/sweeps/{quote(name, safe='')}{route}", "POST" if route == "/pause" else "GET", **query)
    asked(client, f"/sweeps/{quote(name, safe='')}", variant=variant, flops=variant)


@FUZZ
@given(TEXTS, NUMBERS)
@example("x", "99999999999999999999999999")
@example("x" * 5000, "1")
@example("\0", "1")
def test_any_run_and_any_file(client: TestClient, name: str, number: str) -> None:
    asked(client, f"/api/v1/runs/{quote(name, safe='')}/log", attempt=number)
    asked(client, f"/static/{quote(name, safe='')}")
    asked(client, f"/{quote(name, safe='')}")


@pytest.mark.parametrize("run", ["%", "_", "%25", "?", "*"])
def test_a_run_is_not_found_by_a_pattern(client: TestClient, run: str) -> None:
    answer = client.get(f"/api/v1/runs/{quote(run, safe='')}/log")
    assert answer.status_code == 404 and "there is no run whose id starts with" in answer.json()["detail"]


def test_every_attempt_of_a_run_may_be_asked_for(client: TestClient) -> None:
    run = client.get("/api/v1/sweeps/varied").json()["runs"][0]["run"]
    for attempt in ("0", "-1", "99999999999999999999999999"):
        assert client.get(f"/api/v1/runs/{run}/log", params={"attempt": attempt}).status_code == 404


BODIES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [
            b"", b"\xff\xfe", b"\0", b"[" * 5000, b"{" * 5000, b"a: " * 5000, b"- " * 5000, b"name: x\n" * 3,
            b"name: " + b"9" * 5000, b"extends: demo\nname: '\\x1b[2J'\n", b"extends: demo\nname: \"\\0\"\n",
            b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]", b"? [a]\n: b", b"!!python/object:os.system x",
            b"extends: demo\nname: ${oc.env:PATH}\n", b"extends: /etc/passwd\n", b"<<: [1]\n", b"2026-13-45: 1\n",
        ]
    ),
)  # fmt: skip


@FUZZ
@given(
    BODIES, st.lists(st.sampled_from(["a", "=", "a=", "a.b.c=1", "name=[", "+x=1", "~name", "seeds=1", "name=${x}"]))
)
def test_any_file_is_refused_where_it_is_wrong(client: TestClient, body: bytes, overrides: list[str]) -> None:
    answer = client.post("/api/v1/sweeps", content=body, params={"override": overrides})
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"].startswith("urn:isoflop:")

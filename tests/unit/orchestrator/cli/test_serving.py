"""The verbs that keep the service: where it listens, what ends it, and the checks of a machine."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn

from orchestrator import settings
from orchestrator.api import app as api
from orchestrator.cli import serving
from orchestrator.cluster.head_watch import HeadLost
from orchestrator.use_cases import background, doctor
from orchestrator.use_cases.doctor import Check
from orchestrator.use_cases.execution import Execution
from tests.unit.orchestrator.cli.conftest import Isoflop


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A service that ends at once; what it was given is kept."""
    kept: dict[str, Any] = {"error": None}
    monkeypatch.setattr(serving, "_shorten_pauses", lambda: kept.update(short=True))

    @contextlib.contextmanager
    def scheduling(_: Execution, device: str, *, serves: bool) -> Iterator[str]:
        assert serves
        kept["device"] = device
        yield "the scheduler"

    def in_background(execution: Execution, scheduler: str, *, when_lost: Any, advance: Any) -> SimpleNamespace:
        kept.update(scheduler=scheduler, when_lost=when_lost, advance=advance)
        return SimpleNamespace(error=kept["error"])

    def serve(server: uvicorn.Server, sockets: list[Any]) -> None:
        kept.update(host=server.config.host, ports=[socket.getsockname()[1] for socket in sockets])
        kept["when_lost"]()
        kept["ends"] = server.should_exit
        kept["believes"] = server.config.proxy_headers
        sockets[0].close()

    monkeypatch.setattr(settings, "choose_device", lambda kind, *_: f"{kind} device")
    monkeypatch.setattr(Execution, "scheduling", scheduling)
    monkeypatch.setattr(background, "Background", in_background)
    made = SimpleNamespace(state=SimpleNamespace(repeats=None))
    monkeypatch.setattr(api, "create_app", lambda *_, **fields: kept.update(fields) or made)
    monkeypatch.setattr(uvicorn.Server, "run", serve)
    return kept


def test_requests_wait_neither_for_the_collector_nor_long_for_threads_that_compute() -> None:
    before = sys.getswitchinterval()
    try:
        serving._shorten_pauses()
        assert gc.get_freeze_count() > 0
        assert sys.getswitchinterval() == pytest.approx(serving.SWITCH_SECONDS)
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)


def test_the_service_announces_where_it_listens(isoflop: Isoflop, service: dict[str, Any]) -> None:
    done = isoflop("serve", "--port", "0")
    assert done.code == 0
    assert f"page and REST: http://127.0.0.1:{service['ports'][0]}" in done.stderr
    assert (service["host"], service["scheduler"]) == ("127.0.0.1", "the scheduler")
    assert not service["members"].entry("").closed
    assert service["device"] == "auto device"
    assert service["believes"] is False, "X-Forwarded-For is what anybody on this machine says"
    assert service["ends"] is False, "without a Ray of our own reading goes on"
    assert service["short"] is True


def test_the_service_ends_with_the_head_of_a_cluster(
    isoflop: Isoflop, service: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISOFLOP_RAY_ADDRESS", "127.0.0.1:6379")
    assert isoflop("serve", "--port", "0").code == 0
    assert service["ends"] is True


def test_a_proxy_that_is_named_is_believed(
    isoflop: Isoflop, service: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.1")
    assert isoflop("serve", "--port", "0").code == 0
    assert service["believes"] is True


def test_the_token_is_handed_on(isoflop: Isoflop, service: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOFLOP_TOKEN", "t" * 40)
    assert isoflop("serve", "--port", "0").code == 0
    assert service["members"].entry("t" * 40).role == "admin" and service["members"].entry("").role is None


@pytest.mark.parametrize(("host", "opened"), [("127.0.0.1", True), ("0.0.0.0", False)])
def test_corpora_are_read_in_the_folder_of_a_service_on_loopback(
    isoflop: Isoflop, service: dict[str, Any], monkeypatch: pytest.MonkeyPatch, host: str, opened: bool
) -> None:
    monkeypatch.setenv("ISOFLOP_TOKEN", "t" * 40)
    assert isoflop("serve", "--host", host, "--port", "0").code == 0
    assert service["corpora"].folders == ((Path.cwd(),) if opened else ())


def test_a_lost_head_ends_the_service_with_its_error(isoflop: Isoflop, service: dict[str, Any]) -> None:
    service["error"] = HeadLost("Ray's head has not answered")
    done = isoflop("serve", "--port", "0")
    assert done.code == 1 and "Ray's head has not answered" in done.stderr
    service["error"] = ValueError("a defect of one sweep")
    assert isoflop("serve", "--port", "0").code == 0


def test_beyond_loopback_an_account_will_do(isoflop: Isoflop, service: dict[str, Any]) -> None:
    (token,) = isoflop("user", "add", "ada").stdout.split()
    assert isoflop("serve", "--host", "0.0.0.0", "--port", "0").code == 0
    assert service["members"].entry(token).name == "ada" and service["members"].entry("").closed


def test_beyond_loopback_a_token_is_needed(isoflop: Isoflop) -> None:
    done = isoflop("serve", "--host", "0.0.0.0", "--port", "0")
    assert done.code == 2 and "ISOFLOP_TOKEN" in done.stderr


@pytest.mark.parametrize(("ok", "code", "word"), [(True, 0, "yes"), (False, 1, "NO")])
def test_a_failed_check_of_the_machine_exits_with_1(
    isoflop: Isoflop, monkeypatch: pytest.MonkeyPatch, ok: bool, code: int, word: str
) -> None:
    found = [Check("python", True, "3.11"), Check("disk", ok, "1 GB free; isoflop needs 5 GB")]
    monkeypatch.setattr(doctor, "checks", lambda _: iter(found))
    done = isoflop("doctor")
    assert done.code == code
    assert done.stdout.splitlines()[2].split()[:2] == ["disk", word]
    rows = isoflop("doctor", "-o", "json").json
    assert rows[1] == {"check": "disk", "ok": word, "finding": "1 GB free; isoflop needs 5 GB"}

"""A port is opened before anything else, or refused with what to do."""

from __future__ import annotations

import errno
import socket

import pytest

from orchestrator.cli import port as module
from orchestrator.cli.port import PortError, address_of, open_port
from tests.unit.orchestrator.cli.conftest import Isoflop


def test_a_free_port_listens() -> None:
    with open_port("127.0.0.1", 0) as opened:
        number = opened.getsockname()[1]
        assert address_of(opened) == f"http://127.0.0.1:{number}"
        socket.create_connection(("127.0.0.1", number), timeout=60).close()


def test_a_taken_port_says_what_to_do(isoflop: Isoflop) -> None:
    with open_port("127.0.0.1", 0) as taken:
        number = taken.getsockname()[1]
        refused = isoflop("serve", "--port", number)
    assert refused.code == 2
    assert f"port {number} of 127.0.0.1 cannot be opened: another program listens there" in refused.stderr
    assert "--port (0 takes a free one)" in refused.stderr and "starting" not in refused.stderr


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EACCES, "this user may not open it: choose one from 1024"), (errno.EADDRNOTAVAIL, "does not have that address")],
)  # fmt: skip
def test_other_hindrances(monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    def bind(*_: object) -> None:
        raise OSError(number, "as the system says it")

    monkeypatch.setattr(module.socket.socket, "bind", bind)
    with pytest.raises(PortError, match=words):
        open_port("127.0.0.1", 80)


@pytest.mark.parametrize("port", ["80000", "-1", "x", "65536"])
def test_what_is_no_port(isoflop: Isoflop, port: str) -> None:
    refused = isoflop("serve", "--port", port)
    assert refused.code == 2 and "--port" in refused.stderr


def test_a_host_without_an_address() -> None:
    with pytest.raises(PortError, match="check --host and --port"):
        open_port("host.invalid", 0)
    with pytest.raises(PortError, match="check --host"):
        open_port("a" * 70 + ".invalid", 0)


def test_an_address_of_version_six_is_in_brackets() -> None:
    with socket.socket(socket.AF_INET6) as unbound:
        assert address_of(unbound) == "http://[::]:0"

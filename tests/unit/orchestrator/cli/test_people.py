"""The verbs about people: a token is printed once and alone, the ledger and the log are tables, CSV and JSON."""

from __future__ import annotations

import csv
import io

import pytest

from orchestrator.client import Client
from tests.unit.orchestrator.cli.conftest import Isoflop


def test_an_account_is_made_changed_listed_and_closed(isoflop: Isoflop) -> None:
    assert "make the first with: isoflop user add" in isoflop("user", "ls").stderr
    made = isoflop("user", "add", "ada", "--role", "admin", "--group", "lab", "--days", "30")
    (token,) = made.stdout.split()
    assert made.code == 0 and token.startswith("isoflop_") and "shown once" in made.stderr
    desk = isoflop("user", "token", "ada", "--token", "desk").stdout.split()
    assert desk != [token]
    isoflop("user", "set", "ada", "--flops", "1e15", "--hours", "2", "--sweeps", "3", "--weight", "2")
    isoflop("user", "group", "lab", "--hours", "100")
    ada, lab = isoflop("user", "ls", "-o", "json").json
    assert (ada["user"], ada["role"], ada["group"], ada["quota_hours"], ada["weight"]) == (
        "ada",
        "admin",
        "lab",
        2.0,
        2.0,
    )
    assert ada["tokens"].startswith("first until 20") and ada["tokens"].endswith(", desk")
    assert (lab["group"], lab["quota_hours"]) == ("lab", 100.0)
    assert "token desk of ada is revoked" in isoflop("user", "revoke", "ada", "--token", "desk").stderr
    assert "user ada is closed" in isoflop("user", "revoke", "ada").stderr
    assert isoflop("user", "ls", "-o", "json").json[0]["tokens"] == ""
    log = isoflop("audit", "-o", "json").json
    assert [entry["action"] for entry in log] == [
        "user close", "token revoke", "group set", "user set", "token add", "token add", "user add",
    ]  # fmt: skip
    assert token not in str(log) and {entry["address"] for entry in log} == {"this machine"}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("add", "Ada"), 2, "lower-case letters"),
        (("add", "ada", "--role", "king"), 2, "king"),
        (("add", "ada", "--days", "-1"), 2, "--days"),
        (("set", "bob"), 3, "there is no user 'bob'"),
        (("revoke", "bob"), 3, "there is no user 'bob'"),
        (("group", "lab", "--flops", "nan"), 2, "--flops"),
    ],
)
def test_what_cannot_be_is_refused(isoflop: Isoflop, words: tuple[str, ...], code: int, message: str) -> None:
    done = isoflop("user", *words)
    assert done.code == code and message in done.stderr and done.stdout == ""


def test_the_ledger_adds_up_and_is_exported(stored: Isoflop) -> None:
    rows = stored("ledger", "-o", "json").json
    assert len(rows) == 3 and {row["user"] for row in rows} == {""}
    for row in rows:
        for unit in ("flops", "seconds"):
            planned, *parts = (row[f"{unit}_{name}"] for name in ("planned", "reserved", "spent", "refunded"))
            assert planned == pytest.approx(sum(parts))
    table = list(csv.DictReader(io.StringIO(stored("ledger", "-o", "csv").stdout)))
    assert [row["sweep"] for row in table] == [row["sweep"] for row in rows]
    assert "flops_refunded" in stored("ledger").stdout
    assert stored("ledger", "--user", "ada", "-o", "json").json == []


def test_a_service_is_asked_where_one_is_named(isoflop: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOFLOP_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(Client, "_call", lambda _self, _method, path, *_: [{"user": "ada", "sweep": path}])
    assert isoflop("ledger", "-o", "json").json == [{"user": "ada", "sweep": "/api/v1/ledger"}]
    assert isoflop("audit", "-o", "json").json[0]["sweep"].startswith("/api/v1/audit?limit=")

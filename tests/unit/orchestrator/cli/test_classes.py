"""The verbs of classes: tokens go to standard output once, and a class shows its ledgers."""

from __future__ import annotations

from pathlib import Path

from tests.unit.orchestrator.cli.conftest import Isoflop


def test_a_roster_becomes_accounts_whose_tokens_are_printed_once(isoflop: Isoflop, tmp_path: Path) -> None:
    roster = tmp_path / "roster.txt"
    roster.write_text("ann\nbob\n", encoding="utf-8")
    made = isoflop("class", "enrol", str(roster), "--group", "cs", "--flops", "1e10")
    assert made.code == 0 and "2 accounts in cs" in made.stderr
    header, ann, bob = made.stdout.splitlines()
    assert header == "user,token" and ann.startswith("ann,isoflop_") and bob.startswith("bob,isoflop_")
    again = isoflop("class", "enrol", str(roster), "--group", "cs")
    assert (again.code, again.stdout) == (2, "") and "there is a user ann already" in again.stderr
    shown = isoflop("class", "show", "cs", "-o", "json").json
    assert [(row["user"], row["flops_left"]) for row in shown] == [("ann", 1e10), ("bob", 1e10)]
    row = isoflop("class", "show", "cs").stdout.splitlines()[1].split()
    assert row == ["ann", "10¹⁰", "0", "0", "0", "10¹⁰", "0"], "all FLOPs are written alike"
    assert isoflop("class", "show", "none").code == 3


def test_a_roster_that_is_not_text_is_refused(isoflop: Isoflop, tmp_path: Path) -> None:
    roster = tmp_path / "roster.bin"
    roster.write_bytes(b"\xff\xfe")
    assert isoflop("class", "enrol", str(roster), "--group", "cs").code == 2

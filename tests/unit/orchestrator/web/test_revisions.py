"""Revisions of a sweep and their differences."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.web.revisions import differences, revisions
from tests.unit.orchestrator.store_fixtures import sweep_record


def test_each_revision_says_what_it_changed() -> None:
    first = replace(sweep_record(), id=1, revision="a" * 16, source="name: x\nbudgets: [1]\ncontext: 8\n", user="ada")
    second = replace(first, id=2, revision="b" * 16, source="name: x\nbudgets: [1, 2]\ncontext: 8\n")
    latest, earlier = revisions([second, first], first, ["x", "x@aaaaaaaa"])
    assert (latest.name, latest.revision, latest.shown) == ("x", "bbbbbbbb", False)
    assert [(line.kind, line.text) for line in latest.changes] == [
        ("same", " name: x"),
        ("removed", "-budgets: [1]"),
        ("added", "+budgets: [1, 2]"),
        ("same", " context: 8"),
    ]
    assert (earlier.changes, earlier.shown, earlier.user) == ((), True, "ada")
    assert differences("same", "same") == ()

"""What one works with on the pages: controls, runs in training, answers unasked, trust, revisions, the list's filter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.scheduling.progress import LiveRun
from orchestrator.states import SweepState
from orchestrator.use_cases.trust import Finding, Mark
from orchestrator.use_cases.until_law import Awaited
from orchestrator.web.figure import Figure
from orchestrator.web.render import render
from orchestrator.web.revisions import Change, Revision
from orchestrator.web.runs_table import RunsTable
from orchestrator.web.sliders import sliders
from orchestrator.web.views import IndexPage, ListFilter, Slice, SweepPage, SweepStatus
from tests.unit.orchestrator.html_page import HOSTILE, Page
from tests.unit.orchestrator.report_fixtures import law

STATE = SweepStatus("demo", SweepState.RUNNING, 9, 0, 0, 21, 3e12, 3e13, None, "", 1_700_000_000.0, "ada")


def page_of(status: SweepStatus = STATE, **more: Any) -> Page:
    return Page(render(SweepPage(status, "0123abcd", RunsTable(()), **more)))


@pytest.mark.parametrize(
    ("changes", "verbs"),
    [
        ({}, ["pause", "cancel"]),
        ({"state": SweepState.PAUSED}, ["resume", "cancel"]),
        ({"state": SweepState.RUNNING, "failed": 1}, ["pause", "cancel", "retry"]),
        ({"state": SweepState.CANCELLED, "cancelled": 3}, ["retry"]),
        ({"state": SweepState.DONE}, []),
    ],
)
def test_a_sweep_offers_what_its_state_allows(changes: dict[str, Any], verbs: list[str]) -> None:
    page = page_of(replace(STATE, **changes))
    posted = [a["action"] for a in page.all("form") if a.get("method") == "post"]
    assert posted == [f"/api/v1/sweeps/demo/{verb}" for verb in verbs]
    assert "/?from=demo#submit" in [a["href"] for a in page.all("a")]
    assert "demo@0123abcd" in page.words() and "by ada" in page.words()


def test_runs_in_training_are_shown_and_when_a_law_is_possible() -> None:
    run = LiveRun("ab12", "L2 d8", 1e11, 0.5, 3.4567, 50, 100, 75.0, "worker-1")
    page = page_of(replace(STATE, training=(run,)), until_law="After 3 more runs.", awaited=[Awaited(1e11, 2, 7)])
    for words in ("L2 d8", "3.457", "50 of 100", "1 min 15 s", "worker-1", "After 3 more runs.", "10¹¹ 2 of 7 sizes"):
        assert words in page.words()
    (hidden,) = [a for a in page_of().all("section") if a.get("id") == "training"]
    assert "hidden" in hidden


def test_answers_come_unasked_and_doubts_have_remedies() -> None:
    trust = [Finding(Mark.DOUBT, "3 budgets", "add budget 1e13"), Finding(Mark.FINE, "curves have a minimum")]
    band = law().band([1e13, 3e13])
    figures = {"isoflop": Figure("isoflop", "Curves", ())}
    page = page_of(
        law=law(), figures=figures, unasked=band, trust=trust, sliders=sliders(law()), unique_tokens=2_000_000
    )
    assert "at ×3.3 and ×10 the largest budget" in page.words()
    assert "! 3 budgets → add budget 1e13 ✓ curves have a minimum" in page.words()
    ranges = {a["data-name"]: a for a in page.all("input") if a.get("type") == "range"}
    assert set(ranges) == {"flops", "params", "tokens"}
    assert next(a["value"] for a in page.all("input") if a.get("name") == "max_tokens") == "2 M"


def test_revisions_show_what_they_changed() -> None:
    lines = (Change("removed", "-context: 8"), Change("added", f"+context: {HOSTILE}"))
    known = [Revision("demo", "bbbb", "", 0.0, True, lines), Revision("demo@aaaa", "aaaa", "ada", 0.0, False, ())]
    page = page_of(revisions=known, source="name: demo", plan_warnings=["few sizes"])
    assert "/sweeps/demo%40aaaa" in [a["href"] for a in page.all("a")] and not page.all("b")
    assert [a["class"] for a in page.all("span") if a.get("class") in ("added", "removed")] == ["removed", "added"]
    assert "few sizes" in page.words() and "name: demo" in page.words()


def test_a_list_is_filtered_and_sorted_by_its_address() -> None:
    wanted = ListFilter("de", "running", "ada", "name")
    assert wanted.query == "name=de&state=running&user=ada&sort=name" and ListFilter().query == ""
    assert wanted.by("name") == "/?name=de&state=running&user=ada&sort=-name"
    page = Page(render(IndexPage([STATE], "http://h/", Slice("/", 200, 200, 900, wanted.query), wanted, users=["ada"])))
    assert f"/?{wanted.query}&offset=400" in [a["href"] for a in page.all("a")]
    assert [a["aria-sort"] for a in page.all("th") if "aria-sort" in a] == ["ascending"]
    none = Page(render(IndexPage([], "http://h/", Slice("/", 0, 200, 0, wanted.query), wanted)))
    assert "No sweep is like that" in none.words()


def test_the_box_has_an_example_or_the_file_that_is_extended() -> None:
    empty = Page(render(IndexPage([], "http://h/", Slice("/", 0, 200, 0))))
    assert "Check the example below" in empty.words() and "my-first-sweep" in empty.text
    extended = Page(render(IndexPage([], "http://h/", Slice("/", 0, 200, 0), draft=HOSTILE, drafted_from="demo")))
    assert "Extend demo" in extended.words() and HOSTILE in extended.text and not extended.all("b")

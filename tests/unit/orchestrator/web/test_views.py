"""The pages: what each state of a sweep shows, and that each template receives exactly what it uses."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from jinja2 import meta

from analysis.answers.ask import Question, Reply, ask
from analysis.figures import holdout_panels, isoflop_curves, residual_panels
from analysis.fitting.repetition.own import FittedWorth, OwnWorth
from analysis.law import fit
from analysis.records import BuildableShape
from orchestrator.states import SweepState
from orchestrator.web.answer_views import AnswerPage, ComparePage, NextPage, RankingPage
from orchestrator.web.figure import Figure, figure
from orchestrator.web.question import Typed
from orchestrator.web.render import environment, render, static_file
from orchestrator.web.report_view import ReportPage
from orchestrator.web.run_views import CurvesPage, RunsPage
from orchestrator.web.runs_table import RunFilter, RunsTable, runs_table
from orchestrator.web.tables import dropped_rows
from orchestrator.web.variants import chooser, default_variant
from orchestrator.web.views import ErrorPage, IndexPage, Slice, SweepPage, SweepStatus, View
from sweeps.plan.records import DroppedCell
from tests.unit.analysis.law_tables import table
from tests.unit.orchestrator.html_page import HOSTILE, Page
from tests.unit.orchestrator.report_fixtures import law, runs

STATE = SweepStatus(
    name="demo",
    state=SweepState.RUNNING,
    done=9,
    failed=1,
    running=2,
    total=21,
    flops_spent=3e12,
    flops_planned=3e13,
    seconds_left=75.0,
    note="",
    submitted_at=1_700_000_000.0,
)
WHOLE = Slice("/", 0, 200, 1)
TABLE = runs_table(runs(), "/sweeps/demo/runs", RunFilter(), slice(100))
VARY = {"qk_norm": [True, False], "lr": [0.01, 0.02, 0.04]}


@cache
def view() -> SweepPage:
    """A sweep in training, with a law."""
    return SweepPage(
        STATE,
        "0123abcd",
        TABLE,
        law=law(),
        figures={
            "isoflop": figure(isoflop_curves(law()), "isoflop"),
            "residuals": figure(residual_panels(law()), "residuals"),
        },
    )


def sweep_page(**changes: Any) -> Page:
    return Page(render(replace(view(), **changes)))


@pytest.mark.parametrize(
    "kind",
    [
        IndexPage,
        ErrorPage,
        SweepPage,
        RunsPage,
        CurvesPage,
        AnswerPage,
        NextPage,
        RankingPage,
        ComparePage,
        ReportPage,
    ],
)
def test_each_template_uses_all_that_it_receives_and_nothing_else(kind: type[View]) -> None:
    made = environment()
    assert made.loader is not None
    used: set[str] = set()
    templates = [kind.template]
    for name in templates:
        parsed = made.parse(made.loader.get_source(made, name)[0])
        used |= meta.find_undeclared_variables(parsed) - {*made.globals, "parts", "tables", "forms"}
        templates += [each for each in meta.find_referenced_templates(parsed) if each and each.startswith("sweep/")]
    assert used == {field.name for field in fields(kind)}


def test_the_first_paint_has_progress_curves_and_runs() -> None:
    page = sweep_page()
    words = page.words()
    nothing = sweep_page(sweep=replace(STATE, flops_spent=0.0)).words()
    assert " 0 of 3×10¹³ FLOPs" in nothing
    for text in ("9 of 21 runs done", "2 in training", "1 failed", "3×10¹² of 3×10¹³ FLOPs", "about 1 min 15 s left"):
        assert text in words
    (bar,) = page.all("progress")
    assert (bar["max"], bar["value"]) == ("30000000000000.0", "3000000000000.0")
    assert "spec-isoflop" in page.scripts
    assert [a["data-spec"] for a in page.all("div") if "data-spec" in a] == [
        "spec-isoflop", "spec-residuals", "spec-residuals-2", "spec-residuals-3"
    ]  # fmt: skip
    assert "Budgets have their colours of the IsoFLOP curves." in words
    assert "N*(C)" in words and runs()["run"][0] in words


@pytest.mark.parametrize(
    ("changes", "hidden"),
    [
        ({}, {"connection", "note"}),
        ({"note": "waits for a GPU of kind l40s"}, {"connection"}),
        ({"running": 0, "failed": 0, "seconds_left": None}, {"connection", "note", "runs-running", "runs-failed", "time-left"}),
    ],
)  # fmt: skip
def test_facts_that_do_not_hold_are_hidden(changes: dict[str, Any], hidden: set[str]) -> None:
    page = sweep_page(sweep=replace(STATE, **changes))
    assert {a["id"] for a in page.all("span") if "hidden" in a} == hidden
    assert changes.get("note", "") in page.words()


def test_a_law_without_a_hold_out_says_what_one_needs() -> None:
    needs = "Needs at least four budgets whose minimum"
    assert needs in sweep_page().words()
    drawn = {"holdout": figure(holdout_panels(fit(table())), "holdout")}
    page = sweep_page(figures={**view().figures, **drawn})
    assert needs not in page.words() and "spec-holdout-2" in page.scripts
    assert needs not in sweep_page(law=law(sizes=2)).words(), "there is no law to hold a budget out of"


def test_the_page_says_what_repetition_is_worth_where_its_runs_tell() -> None:
    none = np.empty((0, 3))
    worth = FittedWorth(OwnWorth(3.62, 2.96, 4.55), OwnWorth(12.5, 6.1, None), 24, 8.0, none, none, none, none)
    told = sweep_page(law=replace(law(), worth=worth)).words()
    assert "as 24 runs that repeat tokens show: R*_D = 3.62 [2.96, 4.55] (published: 15.39)" in told
    assert "R*_D" not in sweep_page().words()


def test_pages_carry_no_inline_script_or_style() -> None:
    """The service's policy lets only its own files run."""
    for page in (
        sweep_page(reply=ask(law(), Question(flops=3e13))),
        Page(render(IndexPage([STATE], "http://localhost", WHOLE))),
    ):
        assert "style" not in {tag for tag, _ in page.elements}
        assert not [
            name for _, attributes in page.elements for name in attributes if name == "style" or name[:2] == "on"
        ]
        for attributes in page.all("script"):
            assert attributes.get("type") == "application/json" or attributes["src"].startswith("/static/")
        for attributes in [*page.all("script"), *page.all("link")]:
            name = attributes.get("src", attributes.get("href", ""))
            assert not name.startswith("/static/") or static_file(name.removeprefix("/static/"))


def test_the_question_is_a_form_that_needs_no_script() -> None:
    page = sweep_page(asked=Typed("3e13"), reply=ask(law(), Question(flops=3e13)))
    form = next(a for a in page.all("form") if a.get("class") == "ask")
    assert (form["method"], form["action"]) == ("get", "/sweeps/demo#answer")
    field = next(a for a in page.all("input") if a.get("name") == "flops")
    assert field["value"] == "3e13"
    assert field["id"] in [a.get("for") for a in page.all("label")]
    assert "3×10¹³ FLOPs (×10 the largest budget)" in page.words()
    assert "isoflop predict demo --flops 3e13" in page.words()


@pytest.mark.parametrize(
    ("parts", "words"), [((4, 1), "4 layers, d 64, 1 head, MLP 176"), ((1, 2), "1 layer, d 64, 2 heads, MLP 176")]
)
def test_an_answer_names_the_nearest_shape(parts: tuple[int, int], words: str) -> None:
    shape = BuildableShape(64, *parts, 176, 443_000, 460_000, 300_000, 10_200_000, 3e13)
    assert (
        words + ": N 443 k, D 10.2 M"
        in sweep_page(reply=Reply(Question(flops=3e13), replace(law().predict(3e13), shape=shape))).words()
    )


def test_a_varied_sweep_has_a_chooser_of_links_that_keeps_the_question() -> None:
    variant = default_variant(VARY)
    page = sweep_page(variant=variant, choices=chooser("demo", VARY, variant, Typed("3e13")), asked=Typed("3e13"))
    links = [a for a in page.all("a") if "?variant=" in a["href"]]
    assert len(links) == 5
    assert [a["href"] for a in links if a.get("aria-current") == "page"] == [
        "/sweeps/demo?variant=lr%3D0.01%2Cqk_norm%3DTrue&flops=3e13"
    ] * 2
    field = next(a for a in page.all("input") if a.get("name") == "variant")
    assert field["value"] == variant
    assert "--variant lr=0.01,qk_norm=True" in page.words()


def test_a_comparison_that_cannot_be_made_says_why() -> None:
    failed = Figure("multiplier-1", "b over a", ("no loss in common.",))
    page = sweep_page(comparisons=[failed], variant="lr=0.01")
    assert "lr=0.01 against the other variants" in page.words()
    assert "b over a. no loss in common." in page.words()
    assert "spec-multiplier-1" not in page.scripts


def test_a_question_that_fails_says_why_next_to_the_field() -> None:
    page = sweep_page(asked=Typed("many"), error="'many' is not a number")
    field = next(a for a in page.all("input") if a.get("name") == "flops")
    assert field["aria-describedby"] in [a.get("id") for _, a in page.elements]
    assert "'many' is not a number" in page.words()


def test_before_the_first_curve_the_page_says_so() -> None:
    page = sweep_page(figures={}, law=None, refusal="no finished run yet", runs=RunsTable(()))
    assert "No curve yet. No finished run yet." in page.words()
    assert "This sweep has no runs." in page.words()
    assert page.all("h2")[-1]["id"] == "next-heading" and "Scaling with compute" not in page.words()


def test_dropped_cells_are_listed_with_their_reasons() -> None:
    page = sweep_page(dropped=dropped_rows([DroppedCell(3e11, 41000, "L2 d32", "too short")]))
    assert all(text in page.words() for text in ("not run", "3×10¹¹", "41 k", "L2 d32", "too short"))
    assert "too short" not in sweep_page().words()


def test_the_index_lists_sweeps_or_says_what_to_type() -> None:
    listed = Page(render(IndexPage([STATE], "http://127.0.0.1:9/", WHOLE)))
    assert "/sweeps/demo" in [a["href"] for a in listed.all("a")]
    assert "1 sweep, the latest first" in listed.words() and "9 of 21" in listed.words()
    assert "2023-11-14 22:13 UTC" in listed.words()
    empty = Page(render(IndexPage([], "http://127.0.0.1:9/", replace(WHOLE, total=0))))
    assert "curl --data-binary @sweeps/conf/demo.yaml http://127.0.0.1:9/api/v1/sweeps" in empty.words()


def test_a_long_list_has_pages() -> None:
    middle = Page(render(IndexPage([STATE], "http://127.0.0.1:9/", Slice("/", 200, 200, 1000))))
    assert "Sweeps 201 to 400 of 1000" in middle.words()
    assert {"/?offset=0", "/?offset=400"} <= {a["href"] for a in middle.all("a")}
    behind = Page(render(IndexPage([], "http://127.0.0.1:9/", Slice("/", 400, 200, 3))))
    assert "There are only 3 sweeps" in behind.words()
    assert (Slice("/", 0, 200, 200).later, Slice("/", 0, 200, 200).whole) == ("", True)


def test_a_table_that_is_cut_leads_to_the_others() -> None:
    page = sweep_page(
        runs=replace(TABLE, found=2000, total=2000),
        dropped=dropped_rows([DroppedCell(3e11, 41000, "L2 d32", "too short")]),
        dropped_total=7,
    )
    assert f"The first {len(runs())} of 2000 runs" in page.words() and "All 2000 runs" in page.words()
    assert {"/sweeps/demo/runs", "/api/v1/sweeps/demo/runs.csv"} <= {a["href"] for a in page.all("a")}
    assert "and 6 more cells" in page.words()
    rows = Page(
        render(RunsPage("demo", replace(TABLE, found=2000, total=2000), Slice("/sweeps/demo/runs", 0, 500, 2000)))
    )
    assert "2000 of 2000 runs" in rows.words() and "/sweeps/demo/runs?offset=500" in {a["href"] for a in rows.all("a")}


def test_what_takes_long_has_a_page_of_its_own() -> None:
    page = sweep_page(next_address="/sweeps/demo/next?variant=lr%3D1")
    assert [a["data-fragment"] for a in page.all("div") if a.get("id") == "next-runs"] == [
        "/sweeps/demo/next?variant=lr%3D1"
    ]
    unsaid = Page(render(NextPage("demo", "lr=1", None)))
    assert "cannot be said" in unsaid.words() and "demo lr=1" in unsaid.words()


def test_an_error_is_a_page_with_a_way_back() -> None:
    page = Page(render(ErrorPage("Not found", "there is no sweep 'x'")))
    assert "Not found there is no sweep 'x'" in page.words()
    assert "/" in [a["href"] for a in page.all("a")]


def test_names_stay_text_on_the_page() -> None:
    page = sweep_page(sweep=replace(STATE, name=HOSTILE), asked=Typed(HOSTILE), error=HOSTILE)
    assert not page.all("b")
    assert len(page.all("script")) == len(sweep_page().all("script"))

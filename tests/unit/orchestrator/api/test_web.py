"""The service's pages: what each state of a sweep shows, and what /static hands out."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.figures import isoflop_curves, residual_panels
from orchestrator.web.render import STATIC, example_budget, figure, render, static_file
from orchestrator.web.tables import coefficient, dropped_rows, run_rows, signed
from orchestrator.web.variants import chooser, default_variant, neighbours
from sweeps.plan.records import DroppedCell
from tests.unit.orchestrator.report_fixtures import law, runs
from tests.unit.orchestrator.web.test_report import HOSTILE, Page

SWEEP = {
    "name": "demo",
    "state": "running",
    "done": 9,
    "failed": 1,
    "running": 2,
    "total": 21,
    "flops_spent": 3e12,
    "flops_planned": 3e13,
    "seconds_left": 75.0,
    "note": "",
    "created": 1_700_000_000.0,
    "dropped": [],
}


FIGURES = {
    "isoflop": figure(isoflop_curves(law()), "isoflop"),
    "residuals": figure(residual_panels(law()), "residuals"),
}
VARY = {"qk_norm": [True, False], "lr": [0.01, 0.02, 0.04]}


def sweep_page(**changes: Any) -> Page:
    fitted = law()
    facts: dict[str, Any] = {
        "sweep": SWEEP,
        "runs": runs().to_dict("records"),
        "figures": FIGURES,
        "comparisons": [],
        "law": fitted,
        "refusal": "",
        "answer": None,
        "asked": "",
        "error": "",
        "variant": "",
        "choices": (),
    }
    return Page(render("sweep.html", **(facts | changes)))


def test_the_first_paint_has_progress_curves_and_runs() -> None:
    page = sweep_page()
    words = page.words()
    for text in ("9 of 21 runs done", "2 in training", "1 failed", "3×10¹² of 3×10¹³ FLOPs", "about 1 min 15 s left"):
        assert text in words
    assert [("hidden" in a) for a in page.all("span") if a.get("id") == "note"] == [True]
    waits = "waits for a worker of kind l40s: the workers have H100"
    assert waits in sweep_page(sweep=SWEEP | {"note": waits}).words()
    assert "spec-isoflop" in page.scripts
    assert [a["data-spec"] for a in page.all("div") if "data-spec" in a] == [
        "spec-isoflop", "spec-residuals", "spec-residuals-2", "spec-residuals-3"
    ]  # fmt: skip
    assert "Colours and markers as in the IsoFLOP curves." in words
    assert "N*(C)" in words and runs()["run"][0] in words


def test_pages_carry_no_inline_script_or_style() -> None:
    """The service's policy lets only files of its own run."""
    for page in (sweep_page(answer=law().predict(3e13)), Page(render("index.html", sweeps=[SWEEP]))):
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
    page = sweep_page(asked="3e13", answer=law().predict(3e13))
    form = page.all("form")[0]
    assert (form["method"], form["action"]) == ("get", "/sweeps/demo")
    field = next(a for a in page.all("input") if a.get("name") == "flops")
    assert field["value"] == "3e13"
    assert field["id"] in [a["for"] for a in page.all("label")]
    assert "3×10¹³ FLOPs (×10 the largest budget)" in page.words()


def test_a_varied_sweep_has_a_chooser_of_links_that_keeps_the_question() -> None:
    variant = default_variant(VARY)
    assert variant == "lr=0.01,qk_norm=True"
    page = sweep_page(variant=variant, choices=chooser("demo", VARY, variant, "3e13"), asked="3e13")
    links = [a for a in page.all("a") if "variant=" in a["href"]]
    assert len(links) == 5
    assert [a["href"] for a in links if a.get("aria-current") == "page"] == [
        "/sweeps/demo?variant=lr%3D0.01%2Cqk_norm%3DTrue&flops=3e13"
    ] * 2
    assert links[1]["href"] == "/sweeps/demo?variant=lr%3D0.01%2Cqk_norm%3DFalse&flops=3e13"
    field = next(a for a in page.all("input") if a.get("name") == "variant")
    assert field["value"] == variant
    assert "--variant lr=0.01,qk_norm=True" in page.words()


def test_an_unknown_variant_chooses_nothing() -> None:
    rows = chooser("demo", VARY, "lr=9", "")
    assert not any(choice.chosen for axis in rows for choice in axis.choices)
    assert neighbours(VARY, "lr=9") == []
    assert chooser("demo", {}, "", "") == ()


def test_variants_are_compared_with_those_that_differ_in_one_axis() -> None:
    assert neighbours(VARY, "lr=0.01,qk_norm=True") == [
        "lr=0.02,qk_norm=True",
        "lr=0.04,qk_norm=True",
        "lr=0.01,qk_norm=False",
    ]
    failed = {"name": "multiplier-1", "panels": [], "title": "b over a", "notes": ["no loss in common."]}
    page = sweep_page(comparisons=[failed], variant="lr=0.01")
    assert "lr=0.01 against the other variants" in page.words()
    assert "b over a. no loss in common." in page.words()


def test_a_question_that_fails_says_why_beside_the_field() -> None:
    page = sweep_page(asked="many", error="'many' is no number")
    field = next(a for a in page.all("input") if a.get("name") == "flops")
    assert field["aria-describedby"] in [a.get("id") for _, a in page.elements]
    assert "'many' is no number" in page.words()


def test_before_the_first_curve_the_page_says_so() -> None:
    page = sweep_page(figures={}, law=None, refusal="no finished run yet", runs=[])
    assert "No curve yet. no finished run yet" in page.words()
    assert "This sweep has no runs." in page.words()


def test_the_index_lists_sweeps_or_says_what_to_type() -> None:
    listed = Page(render("index.html", sweeps=[SWEEP]))
    assert "/sweeps/demo" in [a["href"] for a in listed.all("a")]
    assert "9 of 21" in listed.words()
    empty = Page(render("index.html", sweeps=[], base_url="http://127.0.0.1:9/"))
    assert "curl --data-binary @sweeps/conf/demo.yaml http://127.0.0.1:9/api/v1/sweeps" in empty.words()


def test_names_stay_text_on_the_page() -> None:
    page = sweep_page(sweep=SWEEP | {"name": HOSTILE}, asked=HOSTILE, error=HOSTILE)
    assert not page.all("b")
    assert len(page.all("script")) == len(sweep_page().all("script"))


@pytest.mark.parametrize("name", ["../render.py", "/etc/passwd", "none.css", "", "..", "../static/style.css"])
def test_static_serves_its_own_files_alone(name: str) -> None:
    assert static_file(name) is None


def test_static_serves_styles_modules_and_vega() -> None:
    for path in STATIC.iterdir():
        found = static_file(path.name)
        assert found is not None and found[0] == path.read_bytes()
    vega = static_file("vega.js")
    assert vega is not None and b"vegaEmbed" in vega[0] and vega[1].startswith("text/javascript")


def test_the_stylesheet_defines_every_variable_in_use() -> None:
    style = (STATIC / "style.css").read_text()
    used = {part.split(")")[0].split(",")[0] for part in style.split("var(")[1:]}
    assert used <= {line.split(":")[0].strip() for line in style.splitlines() if line.strip().startswith("--")}


def test_rows_say_what_is_missing() -> None:
    rows = run_rows(
        [{"run": "a", "state": "QUEUED", "budget": 1e12, "params": 5e4, "loss": float("nan"), "vary.lr": 2}]
    )
    assert [cell.title for cell in rows[0].cells] == ["Run", "State", "Budget", "N", "lr"]
    assert (rows[0].state, rows[0].cells[-1].text) == ("queued", "2")
    both = run_rows(
        [{"run": "b", "params": 9e4, "budget": 1e12}, {"run": "a", "params": 5e4, "budget": 1e12, "loss": 3.0}]
    )
    assert [row.cells[0].text for row in both] == ["a", "b"]
    assert both[1].cells[-1].text == "–"
    assert dropped_rows([DroppedCell(3e11, 41000, "L2 d32 h2 ff96", "too short")])[0] == {
        "budget": "3×10¹¹",
        "params": "41 k",
        "shape": "L2 d32 h2 ff96",
        "reason": "too short",
    }


def test_small_numbers_in_words() -> None:
    assert (coefficient(0.0595), coefficient(2.5e-7), coefficient(-3.2)) == ("0.0595", "2.5×10⁻⁷", "−3.2")
    assert coefficient(4862.0) == "4860"
    assert signed(-0.1512) == "−0.151"
    assert example_budget(list(law().curves)) == "3e13"
    assert example_budget([]) == "1e13"

"""The report: complete in itself, faithful to the law and the runs, safe against what people name things."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vl_convert

from analysis.answers.next_runs import NextRuns, Outlook, Width
from analysis.figures import Forecast
from analysis.law import fit
from analysis.records import BuildableShape, Interval, Prediction
from analysis.wording import format_count, format_loss, noise_sentences, refusal_message, trust_sentence
from orchestrator.use_cases.further_laws import FurtherLaw
from orchestrator.web.report import write_report
from sweeps.plan.records import DroppedCell
from tests.unit.analysis.law_tables import table
from tests.unit.orchestrator.html_page import HOSTILE, Page
from tests.unit.orchestrator.report_fixtures import law, provenance, runs

SHAPE = BuildableShape(64, 4, 4, 176, 443_000, 460_000, 300_000, 10_200_000, 3e13)
DROPPED = [DroppedCell(3e11, 266_000, "L4 d128", "93 steps, fewer than 200")]
FORECASTS = [Forecast(1e9, 1e13, 2e5, 3.0, Interval(2.9, 3.1), 3.3, "nats/token", 3.05)]


OUTLOOK = Outlook(
    "nats/token",
    (Width(9e12, 3.0, 1.31, 0.021),),
    (NextRuns("budget", (9e12,), 7, 6.3e13, (Width(9e12, 3.0, 1.18, 0.012),), 0.6),),
)


def report(folder: Path, **changes: Any) -> dict[str, Path]:
    fitted = changes.pop("law", None) or law()
    largest = [10 * fitted.largest_budget, 100 * fitted.largest_budget]
    facts: dict[str, Any] = {
        "title": "demo",
        "law": fitted,
        "runs": runs(),
        "predictions": [replace(p, shape=SHAPE) for p in fitted.band(largest)] if fitted.estimators else [],
        "provenance": provenance(),
        "command": "isoflop run sweeps/conf/demo.yaml --yes",
        "dropped": DROPPED,
        "forecasts": FORECASTS,
        "outlook": OUTLOOK,
    }
    return write_report(folder, **(facts | changes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "demo"
    report(path)
    return path


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text())


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts are not drawn as PNG, which is most of a report's time: for tests of the page alone."""
    monkeypatch.setattr(vl_convert, "vegalite_to_png", lambda *_, **__: b"\x89PNG")


@pytest.mark.slow
def test_the_laws_of_further_losses_have_a_section(tmp_path: Path, undrawn: None, page: Page) -> None:
    further = (FurtherLaw("loss.wiki", law()), FurtherLaw(HOSTILE, None, "no run has a loss"))
    text = (report(tmp_path, further=further)["report"]).read_text()
    section = text[text.index('<section id="losses">') : text.index('<section id="curves">')]
    assert '<a href="#losses">' in text and "loss.wiki" in section and "No run has a loss." in section
    assert section.count("<tr") == 1 + 3 and HOSTILE not in text
    assert not [one for one in page.all("section") if one.get("id") == "losses"], "a sweep with one loss has none"


def test_the_folder_holds_page_charts_and_runs(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    charts = {"isoflop.png", "optimal-params.png", "optimal-tokens.png", "loss-frontier.png", "residuals.png"}
    assert names == charts | {"estimators.png", "contour.png", "forecasts.png", "report.html", "runs.csv"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in folder.glob("*.png"))


def test_it_loads_nothing_from_elsewhere(page: Page, folder: Path) -> None:
    for _, attributes in page.elements:
        for name in ("src", "href", "srcset", "action", "data"):
            address = attributes.get(name)
            if address is not None and not address.startswith(("#", "data:")):
                assert (folder / address).is_file(), address
    assert not [attributes for attributes in page.all("link") if attributes["rel"] != "icon"]
    style = (folder / "report.html").read_text().split("<style>")[1].split("</style>")[0]
    assert "url(" not in style and "@import" not in style


def test_runs_csv_is_the_table_to_the_last_bit(folder: Path) -> None:
    written, expected = pd.read_csv(folder / "runs.csv"), runs()
    assert list(written.columns) == list(expected.columns)
    assert np.array_equal(written["loss"], expected["loss"])


def predictions() -> Iterator[Prediction]:
    yield from law().band([3e13, 3e14])


def test_predictions_carry_interval_extrapolation_and_trust(page: Page) -> None:
    words = page.words()
    for prediction in predictions():
        interval = prediction.params_interval
        assert f"{format_count(interval.low)} to {format_count(interval.high)}" in words
        of_run, mean = prediction.run_interval, prediction.loss_interval
        assert of_run is not None
        assert f"Loss of one run {format_loss(of_run.low)} to {format_loss(of_run.high)}" in words
        assert f"Mean loss of many {format_loss(mean.low)} to {format_loss(mean.high)}" in words
        assert trust_sentence(prediction) in words
    assert "(×10 the largest budget)" in words and "(×100 the largest budget)" in words
    assert "4 layers, d 64, 4 heads, MLP 176: N 443 k, D 10.2 M" in words


def test_optima_laws_runs_drops_and_provenance_are_there(page: Page) -> None:
    words = page.words()
    for curve in law().curves:
        for minimum in curve.minima:
            assert format_count(minimum.params) in words
    headline = next(p for p in law().power_laws if p.estimator == "headline" and p.quantity == "params")
    assert headline.exponent_interval is not None
    assert f"{headline.exponent:.3f}" in words and f"{headline.exponent_interval.low:.3f} to" in words
    for run in runs()["run"]:
        assert run in words
    assert "93 steps, fewer than 200" in words
    assert all(sentence in words for sentence in noise_sentences(law().noise, law().loss_unit))
    assert "demo@0123" in words and "isoflop run sweeps/conf/demo.yaml --yes" in words


def test_charts_are_the_specs_of_the_figures(page: Page) -> None:
    plots = [attributes["data-spec"] for attributes in page.all("div") if "data-spec" in attributes]
    single = ["isoflop", "optimal-params", "optimal-tokens", "loss-frontier", "estimators", "contour", "forecasts"]
    assert plots == [f"spec-{name}" for name in [*single, "residuals", "residuals-2", "residuals-3"]]
    for name in plots:
        spec = json.loads(page.scripts[name])
        assert spec["width"] == "container"
        assert "title" not in spec
    assert set(json.loads(page.scripts["chart-themes"])) == {"light", "dark"}


@pytest.mark.usefixtures("undrawn")
def test_the_hold_out_is_a_picture_with_its_numbers(tmp_path: Path) -> None:
    held = fit(table())
    files = report(tmp_path, law=held, outlook=None)
    page = Page(files["report"].read_text())
    words = page.words()
    assert files["holdout"].read_bytes().startswith(b"\x89PNG")
    assert {"spec-holdout", "spec-holdout-2"} <= set(page.scripts)
    assert "N* came inside its 95 % interval in" in words and "The hold-out in numbers" in words
    assert "What further runs would buy" not in words
    assert words.count("Fitted up to") == 1 and "Needs at least four budgets" not in words


def test_without_a_hold_out_it_says_what_one_needs(page: Page) -> None:
    assert "No hold-out. Needs at least four budgets whose minimum" in page.words()


def test_what_further_runs_would_buy(page: Page) -> None:
    assert "N* would be known to ×1.18 instead of ×1.31, the loss to ±0.012 instead of ±0.021." in page.words()


def test_it_is_accessible(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all("scope" in attributes for attributes in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table")) > 5
    assert all(a["aria-label"] for a in page.all("div") if "data-spec" in a)
    assert all(a.get("alt") for a in page.all("img"))
    targets = {a["href"][1:] for a in page.all("a") if a["href"].startswith("#")}
    assert targets <= {a["id"] for _, a in page.elements if "id" in a}
    assert "name" in page.all("meta")[1] and page.all("html")[0]["lang"] == "en"


def test_what_people_name_things_stays_text_in_a_report_that_replaces_another(tmp_path: Path) -> None:
    frame = runs()
    frame.loc[0, "shape"] = HOSTILE
    thin: dict[str, Any] = {"predictions": [], "forecasts": []}
    plain = Page(report(tmp_path, title="before", law=law(sizes=2), **thin)["report"].read_text())
    hostile = replace(law(sizes=2), convention=HOSTILE, warnings=(HOSTILE,))
    facts: dict[str, Any] = {
        "title": HOSTILE,
        "command": HOSTILE,
        "provenance": replace(provenance(), machine=HOSTILE, versions={HOSTILE: HOSTILE}),
        "runs": frame,
    }
    dropped = [replace(DROPPED[0], reason=HOSTILE)]
    files = report(tmp_path, law=hostile, dropped=dropped, **thin, **facts)
    made = Page(files["report"].read_text())
    assert len(made.all("script")) == len(plain.all("script"))
    assert not made.all("b")
    assert made.words().count(HOSTILE) >= 7
    assert "before" in plain.words() and "before – isoflop report" not in made.words()


@pytest.mark.usefixtures("undrawn")
def test_without_a_law_the_report_says_why(tmp_path: Path) -> None:
    thin = law(sizes=2)
    files = report(tmp_path, law=thin, runs=runs(sizes=2), dropped=[], forecasts=[])
    words = Page(files["report"].read_text()).words()
    assert "No law could be fitted" in words
    void = report(tmp_path / "void", law=law(), runs=runs(), dropped=[], forecasts=[], predictions=[])
    said = Page(void["report"].read_text()).words()
    assert "The law knows too little of larger budgets" in said and "No law could be fitted" not in said
    assert "too few sizes" in words
    assert refusal_message(thin.refusals["additive"]) in words
    assert "estimators" not in files and files["isoflop"].is_file()


@pytest.mark.usefixtures("undrawn")
def test_refused_budgets_and_failed_runs_are_shown(tmp_path: Path) -> None:
    edge, frame = law(edge=3e12), runs(edge=3e12)
    frame.loc[0, ["state", "loss", "seconds"]] = ["diverged", np.nan, np.nan]
    text = report(tmp_path, law=edge, runs=frame, forecasts=[])["report"].read_text()
    words = Page(text).words()
    refused = next(curve for curve in edge.curves if not curve.minima)
    for refusal in refused.refusals.values():
        assert " ".join(refusal_message(refusal).split()) in words
    assert "state-diverged" in text.split("</style>")[1]
    assert "the fit uses those that are done" in words
    assert "nan" not in words.lower().split()


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1180), pytest.param("dark", 390, marks=pytest.mark.slow)])
def test_it_draws_offline_in_a_browser(folder: Path, scheme: Any, width: int) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    sync_api = pytest.importorskip("playwright.sync_api")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}, offline=True)
        tab = context.new_page()
        problems: list[str] = []
        requests: list[str] = []
        tab.on("console", lambda message: problems.append(message.text))
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("request", lambda request: requests.append(request.url))
        address = (folder / "report.html").as_uri()
        tab.goto(address)
        for plot in tab.locator(".plot").all():
            plot.locator("svg").wait_for(timeout=30_000)
        drawn = " ".join(tab.locator(".plot svg text").all_text_contents())
        overflow = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        browser.close()
    assert requests == [address]
    assert problems == []
    assert "100 k" in drawn and "Compute C (FLOPs)" in drawn
    assert overflow <= 0

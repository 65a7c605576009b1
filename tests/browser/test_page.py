"""The page in a real Chromium: live curves of a real sweep, an answer to a typed budget, nothing from elsewhere."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, Finished, Sandbox, copy_datasets, make_sandbox, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LONG = "a-name-that-is-quite-long-and-pushes-tables-off-a-telephone"
"""About as long as a name may be."""
TINY = (ROOT / "sweeps" / "conf" / "tiny.yaml").read_text()

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: `apt-get install chromium`"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()


class Visit:
    """A page with everything that must not happen noted down."""

    def __init__(self, browser: object, url: str) -> None:
        self.page = browser.new_page()  # type: ignore[attr-defined]
        self.page.set_default_timeout(120_000)  # the machine may be busy with many other tests
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.on("response", lambda answer: answer.status >= 500 and self.errors.append(answer.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda r: r.url.startswith((url, "data:")) or self.foreign.append(r.url))

    def expect_clean(self) -> None:
        assert self.errors == []
        assert self.foreign == []
        self.page.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, finished: Finished) -> Iterator[tuple[str, Sandbox]]:
    sandbox = make_sandbox(tmp_path_factory.mktemp("page"))
    copy_datasets(finished.sandbox, sandbox)
    with serving(sandbox) as url:
        yield url, sandbox


def test_a_sweep_is_submitted_with_a_mistake_mended_and_watched(
    browser: object, served: tuple[str, Sandbox], tmp_path: Path
) -> None:
    url, _ = served
    visit = Visit(browser, url)
    page = visit.page
    page.goto(url)
    assert "No sweep yet" in page.inner_text("main")
    lines = TINY.splitlines()
    wrong = next(number for number, line in enumerate(lines, start=1) if line.startswith("context"))
    page.fill("#draft", TINY.replace("context:", "contxt:"))
    page.click(f"#problems button:has-text('Line {wrong}')")
    selected = page.evaluate("draft.value.slice(draft.selectionStart, draft.selectionEnd)")
    assert selected.startswith("contxt:") and page.inner_text("#gutter .wrong") == str(wrong)
    page.fill("#draft", TINY)
    page.locator("#plan .fine", has_text="gives a law").wait_for(timeout=60_000)
    assert page.inner_text("#problems") == "" and "Expected at ×10" in page.inner_text("#plan")
    page.click("#submit-form button[type=submit]")
    page.wait_for_url(f"{url}/sweeps/tiny", timeout=120_000, wait_until="commit")
    page.locator("#runs-done", has_text=re.compile(r"[1-9]\d* of")).wait_for(timeout=120_000)
    page.wait_for_selector("#state.done", timeout=180_000)
    page.wait_for_selector("#curves .plot[data-drawn] svg")
    total = httpx.get(f"{url}/api/v1/sweeps/tiny", timeout=60).json()["total"]
    drawn = f"document.querySelectorAll('#curves .plot svg path').length >= {total}"
    page.wait_for_function(drawn)  # a mark for each run
    page.screenshot(path=str(tmp_path / "page.png"))
    visit.errors = [each for each in visit.errors if "422" not in each]  # the mistake, which Chromium logs as well
    visit.expect_clean()


def test_a_question_is_answered_and_part_of_the_address(browser: object, served: tuple[str, Sandbox]) -> None:
    url, _ = served
    visit = Visit(browser, url)
    page = visit.page
    page.goto(f"{url}/sweeps/tiny")
    page.fill("form.ask input[name=flops]", "8×10¹⁰")
    page.click("form.ask button")
    page.wait_for_selector("#answer")
    assert page.url.endswith("?flops=8%C3%9710%C2%B9%E2%81%B0#answer")
    asked = httpx.get(f"{url}/api/v1/sweeps/tiny/prediction", params={"flops": 8e10}, timeout=60)
    # Whether so small a sweep has a law hangs on the machine's arithmetic.
    words = f"{asked.json()['loss']:.3f}" if asked.status_code == 200 else asked.json()["detail"]
    assert words in page.inner_text("#answer")
    visit.expect_clean()


def test_runs_are_sorted_opened_and_overlaid(browser: object, served: tuple[str, Sandbox]) -> None:
    url, _ = served
    visit = Visit(browser, url)
    page = visit.page
    page.goto(f"{url}/sweeps/tiny/runs")
    page.click("#runs-table th a:has-text('Loss')")
    page.wait_for_selector("th[aria-sort=ascending]")
    losses = [float(text) for text in page.locator("#runs-table tbody td:nth-child(3)").all_inner_texts()]
    assert losses == sorted(losses) and len(losses) > 10
    for box in page.locator("#runs-table input[type=checkbox]").all()[:2]:
        box.check()
    page.click("text=Overlay the curves")
    page.wait_for_selector(".plot[data-drawn] svg")
    page.click("main ul a >> nth=0")
    page.wait_for_selector(".plot[data-drawn] svg")
    assert "worker-" in page.inner_text("[aria-label=Attempts]") and "step" in page.inner_text("[aria-label=Log]")
    visit.expect_clean()


def test_two_sweeps_are_compared(browser: object, served: tuple[str, Sandbox]) -> None:
    url, _ = served
    visit = Visit(browser, url)
    page = visit.page
    page.goto(f"{url}/compare")
    page.select_option("select[name=baseline]", "tiny")
    page.select_option("select[name=other]", "tiny")
    page.click("form.compare button")
    page.wait_for_selector("[role=alert], #verdict-heading")
    asked = httpx.get(f"{url}/api/v1/comparison", params={"baseline": "tiny", "other": "tiny"}, timeout=60)
    words = "not clearly different" if asked.status_code == 200 else asked.json()["detail"].rstrip(".")
    assert words.lower() in page.inner_text("main").lower()
    visit.expect_clean()


@pytest.mark.slow  # a page of a sweep in training waits for minutes beside other tests on two cores
def test_a_sweep_is_paused_and_cancelled_by_its_buttons(browser: object, served: tuple[str, Sandbox]) -> None:
    url, _ = served
    longer = TINY.replace("name: tiny", f"name: {LONG}") + "seeds: {default: 8}\n"  # of measured shapes
    assert httpx.post(f"{url}/api/v1/sweeps", content=longer, timeout=120).status_code == 201
    visit = Visit(browser, url)
    page = visit.page
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{url}/sweeps/{LONG}")
    page.locator("#training-rows", has_text=re.compile(r"\d+ of \d+")).wait_for()
    page.click("#actions button:has-text('Pause')")
    page.wait_for_selector("#state.paused")
    page.click("#actions button:has-text('Cancel')")
    page.wait_for_selector("#state.cancelled")
    page.locator("#action-said", has_text="cancelled").wait_for()
    page.wait_for_selector("#actions button:has-text('Retry')")
    visit.expect_clean()


@pytest.mark.parametrize("path", ["/", "/sweeps/tiny", "/sweeps/tiny/runs", "/compare", "/boards"])
def test_a_telephone_shows_the_loss_and_long_names_beside_nothing(
    browser: object, served: tuple[str, Sandbox], path: str
) -> None:
    url, _ = served
    page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")  # type: ignore[attr-defined]
    page.set_default_timeout(120_000)
    page.goto(url + path)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than a telephone"
    ends = page.locator("table.runs td:nth-child(3), table.sweeps td:nth-child(2)").evaluate_all(
        "cells => cells.map(cell => cell.getBoundingClientRect().right)"
    )
    assert max(ends, default=0) <= 390, "the loss, or the state, is off the screen"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.close()


def test_reading_needs_no_script(browser: object, served: tuple[str, Sandbox]) -> None:
    context = browser.new_context(java_script_enabled=False)  # type: ignore[attr-defined]
    page = context.new_page()
    page.goto(f"{served[0]}/sweeps/tiny?flops=8e10")
    text = page.inner_text("main")
    assert all(words in text for words in ("Answer", "8×10¹⁰ FLOPs", "isoflop show tiny")), text
    assert not page.is_visible("#sliders") and page.is_visible("#runs-table")
    context.close()


def test_nonsense_budgets_get_a_sentence(browser: object, served: tuple[str, Sandbox]) -> None:
    url, _ = served
    visit = Visit(browser, url)
    visit.page.goto(f"{url}/sweeps/tiny?flops=<script>alert(1)</script>")
    assert "is not a number" in visit.page.inner_text("[role=alert]")
    visit.expect_clean()


def test_an_unknown_sweep_is_a_page_too(browser: object, served: tuple[str, Sandbox]) -> None:
    page = browser.new_page()  # type: ignore[attr-defined]
    answer = page.goto(f"{served[0]}/sweeps/nothing")
    assert answer.status == 404
    assert "there is no sweep" in page.inner_text("main")
    page.close()


def test_the_report_opens_offline(browser: object, finished: Finished) -> None:
    report = finished.sandbox.home / "reports" / "tiny" / "report.html"
    visit = Visit(browser, report.as_uri())
    visit.page.goto(report.as_uri())
    visit.page.wait_for_selector(".plot[data-drawn] svg")
    text = visit.page.inner_text("body")
    for words in ("tiny", "isoflop run tiny", "dataset"):
        assert words in text, words
    visit.expect_clean()

"""A person logs in and out in a real Chromium, and axe finds nothing on the pages on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.people import Role
from orchestrator.use_cases.accounts import add_user
from tests.browser.test_page import CHROMIUM, browser, pytestmark
from tests.unit.orchestrator.api.listening import listening
from tests.unit.orchestrator.api.varied import varied_home

__all__ = ["browser", "pytestmark"]
PAGES = ("/", "/sweeps/varied", "/sweeps/varied/runs", "/compare?baseline=varied&other=varied", "/login")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a service with a sweep that has a law, and the token of its only account."""
    assert CHROMIUM is not None
    workspace = varied_home(tmp_path_factory.mktemp("login"))
    token = add_user(workspace, "rita", Role.READER, "", "laptop", None)
    with listening(workspace) as url:
        yield url, token
    workspace.close()


def log_in(page: Any, url: str, token: str) -> None:
    page.goto(url)
    page.fill("#token", token)
    with page.expect_navigation():
        page.click("button[type=submit]")


def test_a_person_logs_in_and_out(browser: Any, service: tuple[str, str]) -> None:
    url, token = service
    page = browser.new_context().new_page()
    page.set_default_timeout(120_000)
    log_in(page, url, "isoflop_wrong")
    assert "was revoked" in page.inner_text("[role=alert]")
    log_in(page, url, token)
    page.wait_for_selector("table.sweeps")
    (cookie,) = page.context.cookies()
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    assert page.evaluate("document.cookie") == ""
    page.goto(f"{url}/login")
    assert "Logged in as rita" in page.inner_text("h1")
    page.click("text=Log out")
    page.wait_for_selector("#token")
    assert page.context.cookies() == [] and page.goto(url).url.endswith("/login")
    page.context.close()


def axe() -> str:
    """The script that looks for what keeps people out."""
    package = pytest.importorskip("axe_playwright_python.base", reason="no axe: pip install 'isoflop[contract]'")
    return Path(package.__file__).with_name("axe.min.js").read_text(encoding="utf-8")


def violations(page: Any, script: str, address: str) -> list[tuple[str, str]]:
    """What axe finds on a page: the rule, and the first element that breaks it."""
    page.goto(address, wait_until="networkidle")
    page.add_script_tag(content=script)
    found = page.evaluate("axe.run().then(found => found.violations)")
    return [(each["id"], each["nodes"][0]["html"]) for each in found]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Any, service: tuple[str, str], scheme: str) -> None:
    script = axe()
    url, token = service
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)  # axe itself is a script from elsewhere
    page = context.new_page()
    page.set_default_timeout(120_000)
    log_in(page, url, token)
    found = {path: violations(page, script, url + path) for path in PAGES}
    assert found == {path: [] for path in PAGES}
    context.close()

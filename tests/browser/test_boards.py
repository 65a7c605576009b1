"""Boards in a real Chromium: opened, entered and closed by the keyboard alone, on a telephone, and seen by axe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from model.flops import count_parameters
from orchestrator.people import Role
from orchestrator.use_cases.accounts import add_user
from tests.browser.test_login import axe, log_in, violations
from tests.browser.test_page import browser, pytestmark
from tests.unit.orchestrator.api.listening import listening
from tests.unit.orchestrator.use_cases.board_homes import ADA, BoardHome, asked, board_home, forecasts

__all__ = ["browser", "pytestmark"]
LONG = "a-board-whose-name-is-as-long-as-that-of-a-board-may-well-be"
PAGES = ("/boards", "/boards/speed", "/boards/scaling", f"/boards/{LONG}")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, BoardHome]]:
    """The address of a service with boards, the token of ann, an admin who has a finished run, and the home."""
    home = board_home(tmp_path_factory.mktemp("boards"))
    flops = home.run("ann0", "ann")
    boards = (
        asked(),
        forecasts(home.dataset, target=flops, entries=3),
        forecasts(home.dataset, name=LONG, target_shown=False),
    )
    for board in boards:
        home.workspace.store.add_board(board, None, ADA)
    token = add_user(home.workspace, "ann", Role.ADMIN, "", "laptop", None)
    with listening(home.workspace) as url:
        yield url, token, home
    home.workspace.close()


def tab_to(page: Any, name: str, what: str = "document.activeElement.name") -> None:
    """Press Tab until the field of this name has the focus, or whatever `what` says."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(what) == name:
            return
    pytest.fail(f"{name} is not reached by the keyboard")


def unfold(page: Any, start: str) -> None:
    """Press Tab until a summary that starts like this has the focus, and then Enter."""
    tab_to(page, start, f"document.activeElement.textContent.slice(0, {len(start)})")
    page.keyboard.press("Enter")


def test_a_forecast_is_mistyped_mended_and_entered_by_the_keyboard(
    browser: Any, service: tuple[str, str, BoardHome]
) -> None:
    url, token, home = service
    run = home.config()
    page = browser.new_context().new_page()
    page.set_default_timeout(120_000)
    errors: list[str] = []
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    log_in(page, f"{url}/login?next=/boards/scaling", token)
    typed = {
        "params": str(count_parameters(run.model).matmul),
        "tokens": "many",
        "loss": "3.1",
        "low": "3",
        "high": "4",
    }
    for name, text in typed.items():
        tab_to(page, name)
        page.keyboard.type(text)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("#tokens-problem")
    assert "422" in errors.pop()  # the mistake, which Chromium logs
    tab_to(page, "tokens")
    page.keyboard.press("Control+A")
    page.keyboard.type(str(run.tokens))
    page.keyboard.press("Enter")
    page.locator("li", has_text="your forecast: N").wait_for()
    assert errors == [] and page.url.endswith("/boards/scaling#own-heading")
    page.context.close()


def test_an_admin_opens_and_closes_a_board_by_the_keyboard(browser: Any, service: tuple[str, str, BoardHome]) -> None:
    url, token, home = service
    page = browser.new_context(viewport={"width": 390, "height": 800}).new_page()
    page.set_default_timeout(120_000)
    log_in(page, f"{url}/login?next=/boards", token)
    unfold(page, "A board of forecasts")
    typed = {"name": "By Hand", "corpus": home.dataset, "flops": "1e12", "target": "6×10⁹", "closes": "14d"}
    for name, text in typed.items():
        tab_to(page, name)
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.wait_for_selector("#name-problem")
    tab_to(page, "name")
    page.keyboard.press("Control+A")
    page.keyboard.type("by-hand")
    page.keyboard.press("Enter")
    page.locator("h1", has_text="by-hand").wait_for()
    unfold(page, "Close this board")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Closed since").wait_for()
    assert home.workspace.store.board("by-hand").asked.target == 6e9
    page.context.close()


def test_a_telephone_shows_the_forms(browser: Any, service: tuple[str, str, BoardHome]) -> None:
    url, token, _ = service
    page = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme="dark").new_page()
    page.set_default_timeout(120_000)
    log_in(page, url, token)
    wide = {}
    for path in PAGES:
        page.goto(url + path)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        wide[path] = page.evaluate("document.documentElement.scrollWidth")
    assert max(wide.values()) <= 390, wide
    page.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_on_boards(
    browser: Any, service: tuple[str, str, BoardHome], scheme: str, width: int
) -> None:
    url, token, _ = service
    script = axe()
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    log_in(page, url, token)
    assert {path: violations(page, script, url + path) for path in PAGES} == {path: [] for path in PAGES}
    context.close()

"""What is done ahead: it draws, answers and compiles what the first visitor of a page needs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.api import desk, warm_up
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.workshop import Workshop
from orchestrator.web.render import environment
from tests.unit.orchestrator.use_cases.homes import small_home


def test_a_law_is_fitted_drawn_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(warm_up, "page_parts", lambda answers, variant, name: done.append(name))
    monkeypatch.setattr(warm_up, "drawn", lambda chart, suffix: done.append(suffix))
    warm_up.warm_up(tmp_path)
    assert done == ["warm-up", ".svg"]


def test_templates_are_compiled(tmp_path: Path) -> None:
    warm_up.warm_up_pages(tmp_path)
    loaded = [str(name) for _, name in environment().cache]  # type: ignore[union-attr]
    assert set(warm_up.PAGES) <= set(loaded)


class Noting(Workshop):
    """Notes what it is asked for, and makes nothing."""

    def __init__(self) -> None:
        super().__init__(1)
        self.carried: list[tuple[str, bool]] = []
        self.last = threading.Event()

    def carry_out(self, function: Callable[..., Any], /, *arguments: Any, rested: bool = False) -> Future[Any]:
        self.carried.append((function.__name__, rested))
        if len(self.carried) == 3:
            self.last.set()
        done: Future[Any] = Future()
        done.set_result(None)
        return done


def test_one_process_warmed_at_once_and_the_other_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "WARM_UP_SECONDS", 0.0)
    workspace, shop = small_home(tmp_path), Noting()
    served = desk.Desk(workspace, Background(Execution(workspace)), shop)
    served.warm()
    assert shop.last.wait(60)
    assert sorted(shop.carried) == [("static", False), ("warm_up", False), ("warm_up", True)]
    served.close()
    workspace.close()


def test_none_warmed_where_the_setting_says_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "WARM_UP_SECONDS", 0.0)
    workspace, shop = small_home(tmp_path), Noting()
    monkeypatch.setattr(workspace, "settings", replace(workspace.settings, warm_up=False))
    served = desk.Desk(workspace, Background(Execution(workspace)), shop)
    served.warm()
    assert not shop.last.wait(0.5)
    assert shop.carried == [("static", False)]
    served.close()
    workspace.close()

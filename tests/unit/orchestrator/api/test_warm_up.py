"""What is done ahead: it draws, answers and compiles what the first visitor of a page needs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
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


def test_one_process_warmed_at_once_and_the_other_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "WARM_UP_SECONDS", 0.0)
    carried: list[tuple[str, bool]] = []
    both = threading.Event()

    class Noting(Workshop):
        """Notes what it is asked for, and makes nothing."""

        def carry_out(self, function: Callable[..., Any], /, *arguments: Any, rested: bool = False) -> Future[Any]:
            carried.append((function.__name__, rested))
            if sorted(carried) == [("static", False), ("warm_up", False), ("warm_up", True)]:
                both.set()
            done: Future[Any] = Future()
            done.set_result(None)
            return done

    workspace, shop = small_home(tmp_path), Noting(1)
    served = desk.Desk(workspace, Background(Execution(workspace)), shop)
    served.warm()
    assert both.wait(60)
    served.close()
    workspace.close()

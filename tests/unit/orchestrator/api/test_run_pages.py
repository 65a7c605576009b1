"""The pages of runs over a real store: sorted and filtered, one run, and several on top of each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from orchestrator.api.app import create_app
from orchestrator.api.run_pages import CURVES_SHOWN
from orchestrator.cluster.attempt_log import EventLog, attempt_log
from tests.unit.orchestrator.html_page import Page
from tests.unit.orchestrator.use_cases.homes import small_home


@pytest.fixture
def small(tmp_path: Path) -> TestClient:
    """A home whose `run0` has logged two losses."""
    workspace = small_home(tmp_path)
    log = EventLog(attempt_log(workspace.home.runs, "run0", 1))
    for step, loss in ((1, 5.0), (2, 4.5)):
        log.append({"kind": "progress", "step": step, "tokens": 64 * step, "flops": 1e6 * step, "loss": loss})
    log.close()
    return TestClient(create_app(workspace), base_url="http://127.0.0.1")


def test_the_table_is_sorted_and_filtered_by_its_address(client: TestClient) -> None:
    page = Page(client.get("/sweeps/varied/runs?sort=-loss&text=False&state=done").text)
    (down,) = [a for a in page.all("th") if a.get("aria-sort")]
    assert down["aria-sort"] == "descending" and "False" in page.words()
    (boxes,) = {len([a for a in page.all("input") if a.get("type") == "checkbox"])}
    assert f"{boxes} of " in page.words() and boxes > 5
    none = Page(client.get("/sweeps/varied/runs?text=nothing-like-this").text)
    assert "show all" in none.words()
    assert client.get("/sweeps/none/runs").status_code == 404


def test_a_run_has_its_curve_attempts_and_log(small: TestClient) -> None:
    page = Page(small.get("/runs/run0?against=flops").text)
    assert "spec-training" in page.scripts and '"Training FLOPs"' in page.scripts["spec-training"]
    assert "worker" in page.words() and "step 2" in page.words()
    failed = Page(small.get("/runs/run1?against=nonsense").text)
    assert "no such field" in failed.words() and "Nothing was logged yet." in failed.words()
    assert small.get("/runs/nothing").status_code == 404


def test_curves_of_several_runs_are_drawn_together(small: TestClient) -> None:
    page = Page(small.get("/runs?run=run0&run=run1&run=run0").text)
    assert "run0 ends at 4.500 and run1 has logged nothing" in " ".join(
        a.get("aria-label", "") for a in page.all("div")
    )
    assert "No run was chosen" in Page(small.get("/runs").text).words()
    many = Page(small.get("/runs?" + "&".join(f"run=run{'0' if i else '1'}" for i in range(2))).text)
    assert f"first {CURVES_SHOWN}" not in many.words()

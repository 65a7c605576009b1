"""The page of a varied sweep over a real store: its chooser, each variant's charts, comparisons and forecasts."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from analysis.answers.serial import prediction_json
from orchestrator.api.app import create_app
from orchestrator.attempts import Outcome
from orchestrator.home import Home
from orchestrator.states import Cause
from orchestrator.store import RunRecord, SweepRecord
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.submission import new_run
from orchestrator.use_cases.sweep_answers import SweepAnswers, variant_label
from orchestrator.use_cases.workspace import Workspace
from orchestrator.web.variants import combinations, default_variant
from sweeps.file.compose import load_sweep
from sweeps.file.serialise import to_yaml
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts
from tests.unit.orchestrator.store_fixtures import claim, end_attempt
from tests.unit.orchestrator.web.test_report import Page

VARIED = (
    b"extends: demo\nname: varied\nseeds: {smallest_budget: 1, largest_budget: 1}\nvary: {qk_norm: [true, false]}\n"
)


def finish(workspace: Workspace, run: RunRecord) -> None:
    """End a run with the loss of a known surface, 0.1 worse without the norm."""
    cell = run.cell
    assert cell is not None
    loss = 1.3 + 60 / cell.params**0.34 + 250 / cell.tokens**0.37 + (0.0 if cell.vary["qk_norm"] else 0.1)
    driver = workspace.store.start_driver("boot", [], "")
    fence = claim(workspace.store, run.id, run.fence, driver, "worker")
    result = {"loss": loss, "bits_per_byte": loss / 2, "train_seconds": 1.0}
    end_attempt(workspace.store, run.id, fence, Outcome(Cause.DONE, result))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A home in which all runs but one of a varied sweep are done."""
    made = Workspace(Home(tmp_path_factory.mktemp("varied"), "test").create())
    spec = load_sweep(VARIED)
    plan = make_plan(spec, DataFacts("data", 1024, 50_000_000, 500_000))
    record = SweepRecord(0, "varied", "0123456789ab", to_yaml(spec), "data", 50_000_000, (), [], 0.0)
    sweep = made.store.submit(record, [new_run(run) for run in plan.runs])
    for run in made.store.runs_of(sweep.id)[:-1]:
        finish(made, run)
    return made


@pytest.fixture(scope="module")
def client(workspace: Workspace) -> TestClient:
    return TestClient(create_app(workspace), base_url="http://127.0.0.1")


def test_the_links_name_the_service_s_own_variants(workspace: Workspace) -> None:
    vary = Answering(workspace).of("varied").spec.vary
    assert [variant_label(values) for values in combinations(vary)] == list(Answering(workspace).of("varied").laws())


def test_each_variant_has_its_own_charts_and_a_multiplier_over_its_neighbour(
    workspace: Workspace, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was fitted once is not fitted again for the same runs."""
    first = Page(client.get("/sweeps/varied").text)
    assert [a["href"] for a in first.all("a") if a.get("aria-current")] == ["/sweeps/varied?variant=qk_norm%3DTrue"]
    for name in ("isoflop", "optimal-params", "contour", "residuals-3", "estimators", "multiplier-1"):
        assert f"spec-{name}" in first.scripts, name
    assert "Compute multiplier of qk_norm=False over qk_norm=True." in first.words()
    link = next(a["href"] for a in first.all("a") if "False" in a["href"])
    other = Page(client.get(link).text)
    assert "Compute multiplier of qk_norm=True over qk_norm=False." in other.words()
    assert other.scripts["spec-isoflop"] != first.scripts["spec-isoflop"]
    law = Answering(workspace).of("varied").laws()["qk_norm=False"]
    monkeypatch.setattr(SweepAnswers, "fit", lambda *_: pytest.fail("fitted again"))
    answer = Page(client.get(link + "&flops=5e12").text)
    assert f"{law.predict(5e12).loss:.3f}" in answer.words()


def test_an_unknown_variant_says_which_there_are(client: TestClient) -> None:
    page = Page(client.get("/sweeps/varied?variant=" + quote("qk_norm=9")).text)
    assert "qk_norm=True, qk_norm=False" in page.words()
    assert "spec-isoflop" not in page.scripts
    assert len([a for a in page.all("a") if "variant=" in a["href"]]) == 2


def test_a_stored_forecast_is_shown_whatever_came_of_it(workspace: Workspace, client: TestClient) -> None:
    sweep = workspace.store.sweep("varied")
    assert "spec-forecasts" not in Page(client.get("/sweeps/varied").text).scripts
    law = Answering(workspace).of("varied").laws()[default_variant({"qk_norm": [True, False]})]
    run = workspace.store.runs_of(sweep.id)[0]
    workspace.store.add_forecast(sweep.id, run.id, law.law_id, 5e12, prediction_json(law.predict(5e12)))
    page = Page(client.get("/sweeps/varied").text)
    assert "spec-forecasts" in page.scripts
    assert "1 not reached yet." in page.words()


def test_a_further_run_is_in_the_next_page(workspace: Workspace, client: TestClient) -> None:
    last = next(run for run in workspace.store.runs_of(workspace.store.sweep("varied").id) if run.loss is None)
    address = f"/sweeps/varied?variant=qk_norm%3D{last.cell.vary['qk_norm']}"
    before = Page(client.get(address).text).scripts["spec-isoflop"]
    finish(workspace, last)
    after = Page(client.get(address).text).scripts["spec-isoflop"]
    assert after != before

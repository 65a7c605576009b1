"""The page of a varied sweep over a real store: its chooser, each variant's charts, comparisons and forecasts."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from analysis.answers.serial import prediction_json
from orchestrator.api.app import create_app
from orchestrator.attempts import Outcome
from orchestrator.states import Cause, RunState
from orchestrator.use_cases import sweep_answers
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.control import cancel, pause
from orchestrator.use_cases.submission import submit
from orchestrator.use_cases.variant import variant_label
from orchestrator.use_cases.workspace import Workspace
from orchestrator.web.variants import combinations, default_variant
from tests.unit.orchestrator.api.varied import finish, varied_home
from tests.unit.orchestrator.html_page import Page
from tests.unit.orchestrator.use_cases.homes import end, open_home, planned, start
from tests.unit.orchestrator.use_cases.homes import finish as finish_run

API = "/api/v1/sweeps/varied"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A home in which all runs but one of a varied sweep are done."""
    return varied_home(tmp_path_factory.mktemp("varied"))


@pytest.fixture(scope="module")
def client(workspace: Workspace) -> TestClient:
    return TestClient(create_app(workspace), base_url="http://127.0.0.1")


def page_of(workspace: Workspace, path: str) -> Page:
    answer = TestClient(create_app(workspace), base_url="http://127.0.0.1").get(path)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    return Page(answer.text)


def plots(page: Page) -> dict[str, str]:
    """Addresses of the specifications of a page's plots, by the name of the plot."""
    found = [a["data-source"] for a in page.all("div") if "data-source" in a]
    return {address.rpartition("/")[2].partition(".json")[0]: address for address in found}


def badge(page: Page) -> str:
    return next(a["class"] for a in page.all("span") if a.get("id") == "state")


def test_the_index_shows_every_sweep_or_what_to_type(tmp_path: Path, client: TestClient) -> None:
    listed = Page(client.get("/").text)
    assert "/sweeps/varied" in [a["href"] for a in listed.all("a")]
    empty = page_of(open_home(tmp_path), "/")
    assert "http://127.0.0.1/api/v1/sweeps" in empty.words()


def test_the_list_is_filtered_and_its_box_begins_with_a_sweep_s_file(client: TestClient) -> None:
    assert "/sweeps/varied" in [a["href"] for a in Page(client.get("/?name=var&sort=-name").text).all("a")]
    assert "No sweep is like that" in Page(client.get("/?state=cancelled").text).words()
    assert "1 sweep" in Page(client.get("/?state=nonsense&sort=nonsense").text).words()
    assert "vary:" in Page(client.get("/?from=varied").text).text
    assert client.get("/?from=nothing").status_code == 404


def test_the_state_of_a_sweep_is_one_word(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    sweep = submit(workspace, planned())
    first, second, *others = [run.id for run in workspace.store.runs_of(sweep.id)]
    assert badge(page_of(workspace, "/sweeps/x")) == "badge queued"
    start(workspace, first)
    running = page_of(workspace, "/sweeps/x")
    assert badge(running) == "badge running" and "1 in training" in running.words()
    for run_id in others:
        finish_run(workspace, run_id)
    end(workspace, second, Outcome(Cause.CONFIGURATION, detail="no such field"))
    workspace.store.end_all([(first, 1, Outcome(Cause.DIVERGED))])
    assert badge(page_of(workspace, "/sweeps/x")) == "badge incomplete"
    again = submit(workspace, planned(name="y"))
    finish_run(workspace, second)
    assert workspace.store.state_counts(again.id)[RunState.DIVERGED] == 1
    assert badge(page_of(workspace, "/sweeps/y")) == "badge incomplete"


def test_a_sweep_whose_runs_are_all_done_is_done(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    for run in workspace.store.runs_of(submit(workspace, planned()).id):
        finish_run(workspace, run.id)
    assert badge(page_of(workspace, "/sweeps/x")) == "badge done"


def test_each_revision_has_its_own_page_and_its_own_addresses(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    first, second = (submit(workspace, planned(budgets=(1e11, budget))).revision[:8] for budget in (3e11, 9e11))
    client = TestClient(create_app(workspace), base_url="http://127.0.0.1")
    index = client.get("/").text
    assert 'href="/sweeps/x"' in index and f'href="/sweeps/x%40{first}"' in index
    earlier = client.get(f"/sweeps/x@{first}").text
    assert f'data-events="/api/v1/sweeps/x%40{first}/events"' in earlier
    assert f'action="/sweeps/x%40{first}#answer"' in earlier
    assert f"isoflop show x@{first}\n" in earlier
    latest = client.get(f"/sweeps/x@{second}").text
    assert 'data-events="/api/v1/sweeps/x/events"' in latest and "isoflop show x\n" in latest


def test_a_budget_is_quoted_in_the_command_that_is_offered(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    submit(workspace, planned())
    client = TestClient(create_app(workspace), base_url="http://127.0.0.1")
    page = client.get("/sweeps/x", params={"flops": "1; rm -rf ~"}).text
    assert "--flops &#39;1; rm -rf ~&#39;" in page and "--flops 1;" not in page


def test_a_held_sweep_says_why(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    submit(workspace, planned())
    pause(workspace, "x", reason="lunch")
    page = page_of(workspace, "/sweeps/x")
    assert [("hidden" in a) for a in page.all("span") if a.get("id") == "note"] == [False]
    assert "paused: lunch" in page.words()


def test_too_few_runs_for_a_law_are_not_an_error(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    submit(workspace, planned())
    page = page_of(workspace, "/sweeps/x?flops=1e12")
    refusal = next(a for a in page.all("p") if a.get("id") == "ask-error")
    assert refusal["role"] == "alert" and "No curve yet." in page.words()


def test_a_budget_that_is_not_a_number_gets_a_sentence(client: TestClient) -> None:
    assert (
        "'many' is not a number: type a budget in FLOPs, such as 1e15"
        in Page(client.get("/sweeps/varied?flops=many").text).words()
    )
    for far in ("1", "1e60", "1e300"):
        assert "Ask for a budget from" in Page(client.get(f"/sweeps/varied?flops={far}").text).words()
    page = Page(client.get("/sweeps/varied?flops=-5").text)
    assert next(a for a in page.all("p") if a.get("id") == "ask-error")


def test_what_is_left_out_of_a_law_has_the_state_of_now(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    runs = [run.id for run in workspace.store.runs_of(submit(workspace, planned()).id)]
    finish_run(workspace, runs[0])
    client = TestClient(create_app(workspace), base_url="http://127.0.0.1")
    assert "(state is queued)" in Page(client.get("/sweeps/x").text).words()
    cancel(workspace, "x")
    words = Page(client.get("/sweeps/x").text).words()
    assert "(state is cancelled)" in words and "(state is queued)" not in words


def test_an_unknown_sweep_is_a_page_too(client: TestClient) -> None:
    answer = client.get("/sweeps/nothing")
    assert answer.status_code == 404 and "there is no sweep" in Page(answer.text).words()


def test_static_files_are_cached_for_an_hour(client: TestClient) -> None:
    answer = client.get("/static/style.css")
    assert answer.headers["cache-control"] == "max-age=3600"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert client.get("/static/none.css").status_code == 404


def test_dropped_cells_are_on_the_page(client: TestClient) -> None:
    assert "too short" in Page(client.get("/sweeps/varied").text).words()


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
        assert name in plots(first)
    assert "Compute multiplier of qk_norm=False over qk_norm=True." in first.words()
    link = next(a["href"] for a in first.all("a") if "False" in a["href"])
    other = Page(client.get(link).text)
    assert "Compute multiplier of qk_norm=True over qk_norm=False." in other.words()
    drawn, redrawn = (client.get(plots(page)["isoflop"]).json() for page in (first, other))
    assert drawn["$schema"].startswith("https://vega.github.io/schema/vega-lite") and drawn != redrawn
    assert client.get("/sweeps/varied/figures/nothing.json").status_code == 404
    law = Answering(workspace).of("varied").laws()["qk_norm=False"]
    monkeypatch.setattr(sweep_answers, "fit", lambda *_, **__: 1 / 0)
    answer = Page(client.get(link + "&flops=5e12").text)
    assert f"{law.predict(5e12).loss:.3f}" in answer.words()


def test_an_unknown_variant_says_which_there_are(client: TestClient) -> None:
    page = Page(client.get("/sweeps/varied?variant=" + quote("qk_norm=9")).text)
    assert "qk_norm=True, qk_norm=False" in page.words()
    assert "isoflop" not in plots(page)
    assert len([a for a in page.all("a") if "variant=" in a["href"]]) == 2


def test_a_stored_forecast_is_shown_whatever_came_of_it(workspace: Workspace, client: TestClient) -> None:
    sweep = workspace.store.sweep("varied")
    assert "forecasts" not in plots(Page(client.get("/sweeps/varied").text))
    law = Answering(workspace).of("varied").laws()[default_variant({"qk_norm": [True, False]})]
    run = workspace.store.runs_of(sweep.id)[0]
    workspace.store.add_forecast(sweep.id, run.id, law.law_id, 5e12, prediction_json(law.predict(5e12)))
    page = Page(client.get("/sweeps/varied").text)
    assert "forecasts" in plots(page)
    assert "1 not scored yet." in page.words()


@pytest.mark.slow
def test_a_further_run_is_in_the_next_page(workspace: Workspace, client: TestClient) -> None:
    last = next(run for run in workspace.store.runs_of(workspace.store.sweep("varied").id) if run.loss is None)
    address = f"/sweeps/varied?variant=qk_norm%3D{last.cell.vary['qk_norm']}"
    before, points = Page(client.get(address).text), client.get(f"{API}/chart?{address.partition('?')[2]}").json()
    assert "What one more run would buy" not in before.words(), "the sweep's own are to come first"
    finish(workspace, last)
    after = Page(client.get(address).text)
    assert client.get(f"{API}/chart?{address.partition('?')[2]}").json() != points
    fragments = {a["id"]: a["data-fragment"] for a in after.all("div") if "data-fragment" in a}
    bought = Page(client.get(fragments["next-runs"]).text).words()
    assert "would buy" in bought and "One repeat at each optimum" in bought


def test_the_page_of_another_loss_keeps_it(client: TestClient) -> None:
    label = quote("qk_norm=True")
    page = Page(client.get(f"/sweeps/varied?variant={label}&loss_key=bits_per_byte").text)
    assert {"name": "loss_key", "value": "bits_per_byte", "type": "hidden"} in page.all("input")
    addresses = plots(page).values()
    assert addresses and all("loss_key=bits_per_byte" in address for address in addresses)
    assert client.get(next(iter(addresses))).status_code == 200
    assert client.get("/sweeps/varied?loss_key=loss.code").status_code == 404

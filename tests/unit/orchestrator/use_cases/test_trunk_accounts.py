"""What shared trunks leave behind: the table, the space, and the verb that shows and drops it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest
from typer.testing import CliRunner

from analysis.fitting.interval import shared_factors
from analysis.table.table import RunTable
from analysis.wording import format_flops
from orchestrator.attempts import Outcome
from orchestrator.cli.app import app
from orchestrator.home import Home
from orchestrator.states import Cause
from orchestrator.use_cases.export import run_table
from orchestrator.use_cases.submission import new_run
from orchestrator.use_cases.workspace import Workspace
from orchestrator.web.tables import run_rows
from tests.unit.orchestrator.store_fixtures import claim, end_attempt, result, sweep_record
from tests.unit.sweeps.plan.test_trunks import plan_of


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A home in which a sweep with shared trunks and one without are done, but for one run of the first."""
    opened = Workspace(Home(tmp_path_factory.mktemp("home"), "test"))
    driver = opened.store.start_driver("boot", [], "")
    for name, share in (("shared", True), ("alone", False)):
        plan = plan_of(share)
        opened.store.submit(sweep_record(name), [new_run(run) for run in plan.runs])
        for run in plan.runs[1:]:
            fence = claim(opened.store, run.run_id, 0, driver, "w")
            spent = {"flops_spent": run.flops_spent} if share else {}
            done = Outcome(Cause.DONE, result(3.0 + 1e-6 * run.params) | spent)
            end_attempt(opened.store, run.run_id, fence, done)
    yield opened
    opened.store.close()


def table(workspace: Workspace, name: str) -> pd.DataFrame:
    sweep = workspace.store.sweep(name)
    return run_table(sweep, workspace.store.runs_of(sweep.id))


def test_the_export_names_trunks_and_what_was_really_spent(workspace: Workspace) -> None:
    planned = {run.run_id: run for run in plan_of().runs}
    shared = table(workspace, "shared").set_index("run")
    assert {run: row.trunk or None for run, row in shared.iterrows()} == {i: r.trunk for i, r in planned.items()}
    assert shared["flops_spent"].isna().sum() == 1
    for run, row in shared.dropna(subset=["flops_spent"]).iterrows():
        assert row.flops_spent == planned[str(run)].flops_spent <= row.flops == planned[str(run)].flops
    alone = table(workspace, "alone").dropna(subset=["flops_spent"])
    assert (alone["trunk"] == "").all() and (alone["flops_spent"] == alone["flops"]).all()


def test_the_fit_takes_trunks_as_a_source_of_noise_where_there_are_some(workspace: Workspace) -> None:
    shared, alone = (RunTable.from_frame(table(workspace, name)) for name in ("shared", "alone"))
    assert "trunk" in shared_factors(shared)
    assert "trunk" not in shared_factors(alone)


def test_tables_show_what_was_spent_only_where_trunks_are_shared(workspace: Workspace) -> None:
    titles: dict[str, set[str]] = {}
    for name in ("shared", "alone"):
        titles[name] = {cell.title for row in run_rows(table(workspace, name)) for cell in row.cells}
    assert titles["shared"] - titles["alone"] == {"FLOPs spent"}


def test_show_sums_up_what_was_really_spent(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOFLOP_HOME", str(workspace.home.root))
    done = table(workspace, "shared").dropna(subset=["flops_spent"])
    sums = [format_flops(float(done[column].sum())) for column in ("flops_spent", "flops")]
    shown = CliRunner().invoke(app, ["show", "shared"])
    assert f"shared trunks: {sums[0]} FLOPs spent, {sums[1]} without sharing" in " ".join(shown.output.split())
    assert "shared trunks" not in CliRunner().invoke(app, ["show", "alone"]).output

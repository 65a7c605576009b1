"""What shared trunks leave behind: the table, the space, and the verb that shows and drops it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from analysis.fitting.interval import shared_factors
from analysis.table.table import RunTable
from analysis.wording import format_flops
from model.config import state_name
from orchestrator.attempts import Outcome
from orchestrator.cli.main import app
from orchestrator.errors import NotFound
from orchestrator.home import Home
from orchestrator.states import Cause
from orchestrator.use_cases.doctor import checks
from orchestrator.use_cases.export import run_table
from orchestrator.use_cases.kept_trunks import drop_trunks, kept_trunks
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
        records: list[Any] = table(workspace, name).astype(object).where(lambda f: f.notna(), None).to_dict("records")
        titles[name] = {cell.title for row in run_rows(records) for cell in row.cells}
    assert titles["shared"] - titles["alone"] == {"FLOPs spent"}


def test_show_sums_up_what_was_really_spent(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOFLOP_HOME", str(workspace.home.root))
    done = table(workspace, "shared").dropna(subset=["flops_spent"])
    sums = [format_flops(float(done[column].sum())) for column in ("flops_spent", "flops")]
    shown = CliRunner().invoke(app, ["show", "shared"])
    assert f"shared trunks: {sums[0]} FLOPs really spent, nominally {sums[1]}" in " ".join(shown.output.split())
    assert "really spent" not in CliRunner().invoke(app, ["show", "alone"]).output


def test_kept_states_are_shown_with_their_users_and_dropped(workspace: Workspace) -> None:
    trunks = sorted({run.trunk for run in plan_of().runs if run.trunk})
    for trunk, steps in ((trunks[0], (10, 20)), (trunks[1], (30,)), ("f" * 16, (5,))):
        folder = Path(workspace.home.root) / "trunks" / trunk
        folder.mkdir(parents=True)
        for step in steps:
            (folder / state_name(step, {})).write_bytes(bytes(1000))
    rows = kept_trunks(workspace)
    assert [(row["steps"], row["bytes"], row["sweeps"]) for row in rows] == [
        ([10, 20], 2000, "shared"),
        ([30], 1000, "shared"),
        ([5], 1000, ""),
    ]
    found = {check.name: check.finding for check in checks(workspace)}
    assert found["trunks"] == "states of 3 trunks take 0.004 MB"
    assert [row["trunk"] for row in kept_trunks(workspace, "shared")] == trunks[:2]
    assert kept_trunks(workspace, "alone") == []
    with pytest.raises(NotFound):
        kept_trunks(workspace, "nothing")
    drop_trunks(workspace, [trunks[0]])
    assert [row["steps"] for row in kept_trunks(workspace)] == [[30], [5]]
    assert not (workspace.home.root / "trunks" / trunks[0]).exists()

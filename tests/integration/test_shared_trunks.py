"""A sweep with shared trunks on a real Ray: the same bits as alone, branched, and gone on with by a larger one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from model.choice import stored_implementation
from model.config import RunConfig
from model.train import train
from model.trunk_states import state_step
from orchestrator.client import Client
from orchestrator.home import Home
from orchestrator.use_cases.export import run_table
from orchestrator.use_cases.workspace import Workspace
from tests.conftest import ROOT, Finished, copy_datasets, make_sandbox, serving
from tokenizer.shards import open_shards

TINY = ROOT / "sweeps" / "conf" / "tiny.yaml"
BUDGETS = ("2e9", "4e9", "8e9")
SECONDS = 200


def submit(client: Client, *budgets: str) -> None:
    """Submit the sweep with these budgets, and wait for its end."""
    overrides = [f"budgets=[{', '.join(budgets)}]", "sizes=[3000, 6000, 9000]", "share_trunks=true"]
    client.submit(TINY.read_bytes(), overrides)
    deadline = time.monotonic() + SECONDS
    while (sweep := client.sweep("tiny"))["done"] < sweep["total"]:
        assert time.monotonic() < deadline and not sweep["failed"], sweep
        time.sleep(0.2)


def alone(home: Home, config: dict[str, Any]) -> float:
    """The loss of a run that is trained here, on its own, in the way that was chosen for its shape."""
    run = RunConfig.from_dict(config)
    chosen = stored_implementation(run, "cpu", home.root / "implementations")
    return train(run, open_shards(home.artifacts / run.dataset), lambda _: None, implementation=chosen).loss


def kept_steps(workspace: Workspace) -> dict[str, list[int | None]]:
    return {trunk: sorted(map(state_step, names)) for trunk, names in workspace.artifacts.states().items()}


def last_steps(table: pd.DataFrame) -> dict[str, list[int]]:
    """The last step before a cooldown, by trunk."""
    shared = table[table["trunk"] != ""]
    return {trunk: [int(step)] for trunk, step in shared.groupby("trunk")["branch"].max().items()}


def table_of(workspace: Workspace) -> pd.DataFrame:
    """The exported table with what the results say of trunks."""
    sweep = workspace.store.sweep("tiny")
    runs = workspace.store.runs_of(sweep.id)
    table = run_table(sweep, runs)
    table["branched"] = [run.result["branched_from_step"] for run in runs if run.result]
    table["branch"] = [RunConfig.from_dict(run.config).train.branch_step for run in runs]
    return table


@pytest.mark.slow
def test_shared_runs_equal_the_same_runs_alone(tmp_path: Path, finished: Finished) -> None:
    sandbox = make_sandbox(tmp_path)
    copy_datasets(finished.sandbox, sandbox)
    home = Home(sandbox.home, "test")
    workspace = Workspace(home)
    with serving(sandbox) as url:
        client = Client(url)
        submit(client, *BUDGETS[:2])
        small = table_of(workspace)
        assert kept_steps(workspace) == last_steps(small)
        submit(client, *BUDGETS)
        large = table_of(workspace)
        assert kept_steps(workspace) == last_steps(large)
    shared = large[large["trunk"] != ""]
    assert len(shared) >= 6
    for _, runs in shared.groupby("trunk"):
        ordered = list(runs.sort_values("branch").itertuples())
        old, new = ([run for run in ordered if (run.budget < 8e9) is former] for former in (True, False))
        assert [run.branched for run in old] == [run.branch for run in old[:-1]] + [0] * bool(old), "the longest leads"
        assert [run.branched for run in new] == [old[-1].branch if old else 0] * len(new), "it goes on from the last"
    assert (large["branched"] > 0).sum() >= 3
    assert ((large["flops_spent"] < large["flops"]) == (large["branched"] > 0)).all()
    assert large["flops_spent"].sum() < 0.85 * large["flops"].sum()
    configs = {run.id: run.config for run in workspace.store.runs_of(workspace.store.sweep("tiny").id)}
    for run in large[large["branched"] > 0].itertuples():
        assert alone(home, configs[run.run]) == run.loss
    dropped = sandbox.isoflop("trunks", "tiny", "--drop")
    assert f"{shared['trunk'].nunique()} trunks" in dropped.stderr and "deleted" in dropped.stderr
    assert workspace.artifacts.states() == {}
    workspace.store.close()

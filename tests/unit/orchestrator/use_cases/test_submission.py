"""Pure rules of the service: what a revision is made of, and how a forecast is scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.devices import DEVICES
from orchestrator.home import Home
from orchestrator.settings import Settings
from orchestrator.use_cases.planning import Planned, Planning
from orchestrator.use_cases.submission import _revision, new_run
from orchestrator.use_cases.validation import score_forecast
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.spec import CentreSpec, SweepSpec
from sweeps.plan.hours import DeviceCost
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts
from tokenizer.shards import Manifest


def _planned(dataset: str, **changes: object) -> Planned:
    fields = {"name": "x", "budgets": (1e11, 3e11), "centre": CentreSpec(tokens_per_param=20.0)} | changes
    spec = SweepSpec(**fields)  # type: ignore[arg-type]
    plan = make_plan(spec, DataFacts(dataset, 1024, 50_000_000, 200_000))
    return Planned(plan, _manifest(dataset), "cpu", 2)


def _manifest(dataset: str) -> Manifest:
    """A manifest of which only the hash matters."""
    manifest = object.__new__(Manifest)
    object.__setattr__(manifest, "dataset", dataset)
    return manifest


def test_a_revision_follows_the_data_and_the_runs_but_not_the_name() -> None:
    base = _revision(_planned("aaaa"))
    assert _revision(_planned("aaaa")) == base
    assert _revision(_planned("aaaa", name="y")) == base
    assert _revision(_planned("bbbb")) != base
    assert _revision(_planned("aaaa", budgets=(1e11, 3e11, 9e11))) != base


@pytest.mark.parametrize(
    ("loss", "inside", "score"), [(3.0, True, 0.2), (3.2, False, 0.2 + 40 * 0.1), (2.85, False, 0.2 + 40 * 0.05)]
)
def test_the_interval_score_charges_a_miss(loss: float, inside: bool, score: float) -> None:
    scored = score_forecast({"loss": 3.0, "loss_interval": [2.9, 3.1]}, loss)
    assert scored.inside is inside
    assert scored.interval_score == pytest.approx(score)
    assert scored.error == pytest.approx(loss - 3.0)


def test_a_sweep_for_a_kind_that_only_the_cluster_has_is_predicted_by_its_data_sheet(tmp_path: Path) -> None:
    settings = Settings(f"sqlite:///{tmp_path / 'x.db'}", "10.0.0.1:6379", workers=4)
    workspace = Workspace(Home(tmp_path, "test"), settings)
    planned = _planned("aaaa", device="h100")
    run = planned.plan.runs[0].run
    cost = Planning(workspace).cost([r.run for r in planned.plan.runs], planned.spec)
    assert cost is not None and Planning(workspace).device_of(planned.spec) == "cuda"
    assert cost.seconds(run.model, run.train) == pytest.approx(
        DeviceCost(DEVICES["h100"]).seconds(run.model, run.train)
    )
    assert cost.gpu_memory == DEVICES["h100"].memory
    assert replace(planned, device="cuda").device_name == "h100"
    assert new_run(planned.plan.runs[0], cost, planned.spec.kind).cell.kind == "h100"

"""Workers of a GPU: as set, or as measured on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator import settings as module
from orchestrator.scheduling.speed import machine_key
from orchestrator.use_cases.shares import are_measured, gpu_shares
from tests.unit.orchestrator.use_cases.homes import open_home


def test_a_gpu_of_this_machine_gets_as_many_workers_as_were_measured_to_be_worth_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = open_home(tmp_path)
    workspace.settings = replace(workspace.settings, workers=None)
    rows = [{"processes": p, "stacked": 0, "step_seconds": 1 / p} for p in (1, 2, 4)]
    assert gpu_shares(workspace, "cuda") == 1, "before anything was measured"
    workspace.store.save_calibration(machine_key("cuda"), "k", {"arrangements": [rows]})
    assert (gpu_shares(workspace, "cuda"), gpu_shares(workspace, "cpu")) == (4, 1)
    monkeypatch.setattr(module, "gpu_names", lambda: ("NVIDIA A10", "NVIDIA A10"))
    for workers, shares in ((1, 1), (2, 1), (3, 1), (4, 2), (8, 4), (20, 4)):
        workspace.settings = replace(workspace.settings, workers=workers)
        assert gpu_shares(workspace, "cuda") == shares, "no GPU rests for the shares of another"
    for settings, shares in (({"gpu_shares": 2}, 2), ({"gpu_shares": 1}, 1), ({"ray_address": "10.0.0.1:6379"}, 1)):
        workspace.settings = replace(open_home(tmp_path).settings, **settings)
        assert not are_measured(workspace.settings) and gpu_shares(workspace, "cuda") == shares

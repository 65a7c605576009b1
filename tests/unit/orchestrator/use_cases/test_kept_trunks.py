"""Kept trunks: listed with the sweeps that share them, and deleted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from model.trunk_states import state_name
from orchestrator.errors import NotFound
from orchestrator.use_cases.kept_trunks import KeptTrunk, drop_trunks, kept_trunks
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.store_fixtures import made_cell, new_run, sweep_record
from tests.unit.orchestrator.use_cases.homes import open_home

KEPT = {"aaaa": (10, 20), "bbbb": (30,), "ffff": (5,)}
"""Steps by trunk."""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two sweeps share the trunk aaaa, one has bbbb, nobody knows ffff; each state takes 1000 bytes."""
    opened = open_home(tmp_path)
    for name, trunks in (("first", ("aaaa", "bbbb")), ("second", ("aaaa", None)), ("alone", (None,))):
        runs = [
            replace(new_run(index), id=f"{name}{index}", cell=made_cell(trunk=trunk, shape="L2"))
            for index, trunk in enumerate(trunks)
        ]
        opened.store.submit(sweep_record(name), runs)
    for trunk, steps in KEPT.items():
        folder = opened.home.root / "trunks" / trunk
        folder.mkdir(parents=True)
        for step in reversed(steps):
            (folder / state_name(step, {})).write_bytes(bytes(1000))
    return opened


def test_trunks_are_listed_with_space_steps_and_users(workspace: Workspace) -> None:
    shared, single, unknown = kept_trunks(workspace)
    assert (shared.trunk, shared.steps, shared.bytes, shared.shape) == ("aaaa", (10, 20), 2000, "L2")
    assert set(shared.sweeps) == {"first", "second"}
    assert single == KeptTrunk("bbbb", ("first",), "L2", (30,), 1000)
    assert unknown == KeptTrunk("ffff", (), "", (5,), 1000)
    assert single.to_dict() == {"trunk": "bbbb", "sweeps": "first", "shape": "L2", "steps": [30], "bytes": 1000}
    assert KeptTrunk("t", ("a", "b"), "", (), 0).to_dict()["sweeps"] == "a, b"


def test_a_sweep_s_own_trunks_can_be_listed_alone(workspace: Workspace) -> None:
    assert [each.trunk for each in kept_trunks(workspace, "first")] == ["aaaa", "bbbb"]
    assert [each.trunk for each in kept_trunks(workspace, "second")] == ["aaaa"]
    assert kept_trunks(workspace, "alone") == []
    with pytest.raises(NotFound):
        kept_trunks(workspace, "nothing")


def test_dropped_trunks_are_gone_and_others_stay(workspace: Workspace) -> None:
    drop_trunks(workspace, ["aaaa", "none such"])
    assert [each.trunk for each in kept_trunks(workspace)] == ["bbbb", "ffff"]
    assert not (workspace.home.root / "trunks" / "aaaa").exists()

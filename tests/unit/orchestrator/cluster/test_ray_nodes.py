"""What Ray's nodes declare."""

from __future__ import annotations

import pytest
import ray

from orchestrator.cluster.ray_nodes import declared_accelerators


def test_accelerators_are_those_of_living_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [
        {"Alive": True, "NodeID": "a", "Resources": {"CPU": 1, "accelerator_type:H100": 1}},
        {"Alive": True, "NodeID": "b", "Resources": {"accelerator_type:A100": 1}},
        {"Alive": False, "NodeID": "c", "Resources": {"accelerator_type:T4": 1}},
    ]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    assert declared_accelerators() == ["A100", "H100"]
    assert declared_accelerators("a") == ["H100"]

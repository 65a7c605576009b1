"""The lab's script: two users share a service; a quota is reached, a refund makes room, and both train at the same time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from orchestrator.api.app import create_app
from orchestrator.attempts import Slot
from orchestrator.people import Quota, Role
from orchestrator.scheduling.queue import Queue
from orchestrator.use_cases.accounts import add_user, change_user
from orchestrator.use_cases.planning import Planning
from tests.unit.orchestrator.use_cases.homes import open_home, planned

FILE = b"name: x\n"


def test_two_users_share_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = open_home(tmp_path)
    keys = {name: add_user(home, name, Role.SUBMITTER, "", "t", None) for name in ("ann", "bob")}
    client = TestClient(create_app(home), base_url="http://127.0.0.1")

    def submit(user: str, name: str, *budgets: float) -> Any:
        made = planned(name=name, budgets=budgets)
        monkeypatch.setattr(Planning, "plan", lambda *_: made)
        return client.post("/api/v1/sweeps", content=FILE, headers={"Authorization": f"Bearer {keys[user]}"})

    def ledger(user: str) -> dict[str, float]:
        rows = client.get("/api/v1/ledger", headers={"Authorization": f"Bearer {keys[user]}"}).json()
        names = ("planned", "reserved", "spent", "refunded")
        return {name: sum(row[f"flops_{name}"] for row in rows) for name in names}

    large = submit("ann", "large", 1e11, 3e11).json()
    change_user(home, "ann", None, None, Quota(flops=1.2 * large["flops_planned"]))
    refused = submit("ann", "more", 2e11, 4e11)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:isoflop:quota")
    assert "user ann would come to" in refused.json()["detail"]
    taken = client.post("/api/v1/sweeps/large/cancel", headers={"Authorization": f"Bearer {keys['bob']}"})
    assert taken.status_code == 403
    assert (
        client.post("/api/v1/sweeps/large/cancel", headers={"Authorization": f"Bearer {keys['ann']}"}).status_code
        == 200
    )
    assert ledger("ann") == {"planned": large["flops_planned"], "reserved": 0.0, "spent": 0.0,
                             "refunded": large["flops_planned"]}  # fmt: skip
    again = submit("ann", "again", 1e11, 2.9e11)
    assert again.status_code == 201 and submit("bob", "small", 1.5e11).status_code == 201
    assert ledger("ann")["reserved"] == pytest.approx(again.json()["flops_planned"])

    queue = Queue(home.store, home.artifacts)
    queue.refresh([])
    claims = queue.claims([Slot(f"w{i}", f"cpu{i}", "some CPU") for i in range(4)])
    users = [queue.job(claim.run_id).sweep.user for claim in claims]
    assert users == ["ann", "bob", "ann", "bob"], "the one with more and longer runs does not keep out the other"
    home.close()

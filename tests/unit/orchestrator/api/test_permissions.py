"""Roles × routes: the whole table, asked as nobody, a reader, a submitter, and an admin; and whose sweep it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from orchestrator.api import sweeps
from orchestrator.api.app import create_app
from orchestrator.api.permissions import NEEDS, needed
from orchestrator.people import Forbidden, Role
from orchestrator.use_cases.accounts import add_user
from orchestrator.use_cases.planning import Planning
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.store_fixtures import new_run, sweep_record
from tests.unit.orchestrator.use_cases.homes import finish, open_home, planned

VALUES = {
    "name": "mine",
    "action": "pause",
    "run": "run0",
    "chart": "isoflop",
    "suffix": "svg",
    "plot": "isoflop",
    "user": "eve",
    "group": "lab",
    "board": "speed",
}
"""Parameters of paths."""
OWNERS = {"rita": Role.READER, "sam": Role.SUBMITTER, "ada": Role.ADMIN}
NOBODY = ""


class Service:
    """A service with an account of each role; sam owns the sweep `mine`."""

    def __init__(self, folder: Path) -> None:
        self.workspace: Workspace = open_home(folder)
        self.workspace.store.submit(sweep_record("mine", user="sam"), [new_run(0)])
        finish(self.workspace, "run0")
        self.tokens = {
            name: add_user(self.workspace, name, role, "", "first", None) for name, role in OWNERS.items()
        } | {NOBODY: "no-such-token-at-all"}
        self.app: FastAPI = create_app(self.workspace)
        self.client = TestClient(self.app, base_url="http://127.0.0.1", follow_redirects=False)

    def status(self, name: str, method: str, path: str, body: bytes = b"") -> int:
        """The status of what somebody asks for."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"}
        return self.client.request(method, path.format(**VALUES), headers=headers, content=body).status_code


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with pytest.MonkeyPatch.context() as patch:
        plan = planned()
        patch.setattr(Planning, "plan", lambda *_: plan)
        patch.setattr(sweeps, "received_json", lambda *_: {"runs": []})
        made = Service(tmp_path_factory.mktemp("roles"))
        yield made
        made.workspace.close()


def test_every_route_is_in_the_table_and_the_table_has_no_other(service: Service) -> None:
    routes = {(method, r.path_format) for r in service.app.routes if isinstance(r, APIRoute) for method in r.methods}
    assert routes == set(NEEDS)


def test_a_route_that_the_table_lacks_is_open_to_nobody() -> None:
    with pytest.raises(Forbidden, match="GET /new is open to nobody"):
        needed("GET", "/new")


@pytest.mark.parametrize("name", [NOBODY, *OWNERS])
@pytest.mark.parametrize(("method", "path"), sorted(NEEDS))
def test_each_role_reaches_its_routes_and_no_other(service: Service, name: str, method: str, path: str) -> None:
    status, least = service.status(name, method, path), NEEDS[method, path]
    if path in ("/login", "/static/{name}"):  # the form refuses an empty token; scripts are for whoever is let in
        assert status in {("GET", "/login"): (200,), ("POST", "/login"): (401,)}.get((method, path), (401, 404))
    elif path == "/readyz":  # there is no scheduler here, whoever asks
        assert status == 503
    elif name == NOBODY:
        assert status == 401 if least is not None else status in (200, 303)
    elif least is not None and not OWNERS[name].covers(least):
        assert status == 403
    else:
        assert status not in (401, 403) and status < 500


def test_roles_include_those_before_them() -> None:
    order = [Role.READER, Role.SUBMITTER, Role.ADMIN]
    for i, role in enumerate(order):
        assert [role.covers(other) for other in order] == [j <= i for j in range(3)]


def test_a_sweep_is_changed_by_its_owner_and_by_admins_alone(service: Service) -> None:
    store, path = service.workspace.store, "/api/v1/sweeps/theirs/{action}"
    store.submit(sweep_record("theirs", user="tom"), [new_run(1)])
    for action in ("cancel", "pause", "resume", "retry"):
        address = path.replace("{action}", action)
        answer = service.client.post(address, headers={"Authorization": f"Bearer {service.tokens['sam']}"})
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:isoflop:forbidden")
        assert "belongs to tom, and sam is no admin" in answer.json()["detail"]
    assert store.sweep("theirs").held is None
    assert service.status("ada", "POST", path.replace("{action}", "cancel")) == 200
    assert store.sweep("theirs").on_hold == "cancelled"


def test_a_name_belongs_to_whoever_submitted_it_first(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.tokens["tom"] = add_user(service.workspace, "tom", Role.SUBMITTER, "", "first", None)
    revisions = [planned(name="y", budgets=(budget, 9e11)) for budget in (1e11, 2e11, 3e11)]
    outcomes = []
    for name, plan in zip(("sam", "tom", "ada"), revisions, strict=True):
        monkeypatch.setattr(Planning, "plan", lambda *_, plan=plan: plan)
        outcomes.append(service.status(name, "POST", "/api/v1/sweeps", b"name: x\n"))
    assert outcomes == [201, 403, 201], "a member does not extend another's sweep, an admin may"
    assert [each.user for each in service.workspace.store.revisions("y")] == ["sam", "sam"], "who pays for it"

"""Schemathesis over the whole interface, without a token and in every role: what it answers is what it declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from orchestrator.people import Role
from orchestrator.use_cases.accounts import add_user
from tests.unit.orchestrator.api.listening import listening
from tests.unit.orchestrator.api.varied import varied_home

schemathesis = pytest.importorskip(
    "schemathesis", reason="schemathesis is not installed: pip install 'isoflop[contract]'"
)

pytestmark = pytest.mark.slow
LONGEST_SECONDS = 2.0
"""Of an answer."""
EXAMPLES = 15
"""Generated requests of each route."""
UNLIMITED = ("/api/v1/sweeps/{name}/events",)
"""Routes that answer for as long as a sweep trains."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a service with a sweep that is nearly finished, and the token of each role."""
    workspace = varied_home(tmp_path_factory.mktemp("contract"))
    tokens = {role.value: add_user(workspace, role.value, role, "", "first", None) for role in Role}
    with listening(workspace) as url:
        yield url, tokens | {"nobody": ""}
    workspace.close()


@pytest.mark.parametrize("who", ["nobody", *(role.value for role in Role)])
def test_every_route(service: tuple[str, dict[str, str]], who: str) -> None:
    url, tokens = service
    headers = {"Authorization": f"Bearer {tokens[who]}"} if tokens[who] else {}
    admin = {"Authorization": f"Bearer {tokens[Role.ADMIN.value]}"}
    schema = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json", headers=admin)
    asked = [_ask(found.ok(), headers) for found in schema.get_all_operations() if found.ok().path not in UNLIMITED]
    assert sum(len(each) for each in asked) > 100
    failures = [failure for each in asked for failure in each if failure]
    assert not failures, "\n\n".join(dict.fromkeys(failures))


def _ask(operation: Any, headers: dict[str, str]) -> list[str]:
    """Ask a route in generated ways; what is wrong with each answer, empty for a right one."""
    found: list[str] = []
    left_out = [schemathesis.specs.openapi.checks.positive_data_acceptance]  # what a law refuses, no schema says
    if operation.path == "/readyz":
        left_out.append(schemathesis.checks.not_a_server_error)  # there is no scheduler

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        """Ask once."""
        try:
            answer = case.call(headers=headers)
            case.validate_response(answer, headers=headers, excluded_checks=left_out)
            slow = answer.elapsed > LONGEST_SECONDS
            found.append(f"{operation.label}: {answer.elapsed:.1f} s" if slow else "")
        except schemathesis.core.failures.FailureGroup as error:
            found.append(f"{operation.label}: {[each.title for each in error.exceptions]} {error}"[:1000])

    ask()
    return found

"""The client's part about accounts: what it asks of a service, and what it makes of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.client.accounts import AccountVerbs
from orchestrator.client.answers import Unreachable


class Recorded(AccountVerbs):
    """A client that writes down what it would ask."""

    url = "http://lab"

    def __init__(self, answer: Any) -> None:
        self.calls: list[tuple[str, str, bytes | None]] = []
        self.answer = answer

    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        self.calls.append((method, path, body))
        return self.answer if body is not None else []


def test_each_verb_is_one_request() -> None:
    client = Recorded({"token": "secret"})
    assert client.add_user("a/b", "reader", "", "laptop", None) == "secret"
    assert client.add_token("a/b", "laptop", 2.5) == "secret"
    client.change_user("a/b", role="admin", flops=None)
    client.revoke("a/b", None)
    client.set_group("cs 336", flops=1e15)
    client.users()
    client.ledger()
    client.audit()
    users = "/api/v1/users"
    assert client.calls == [
        ("POST", f"{users}?user=a%2Fb&role=reader&token=laptop", b""),
        ("POST", f"{users}/a%2Fb/tokens?token=laptop&days=2.5", b""),
        ("POST", f"{users}/a%2Fb?role=admin", b""),
        ("POST", f"{users}/a%2Fb/revoke", b""),
        ("POST", "/api/v1/groups/cs%20336?flops=1000000000000000.0", b""),
        ("GET", users, None),
        ("GET", "/api/v1/ledger", None),
        ("GET", "/api/v1/audit?limit=1000&offset=0", None),
    ]


@pytest.mark.parametrize("answer", [[], {"tokens": "x"}, None])
def test_an_answer_without_a_token_is_a_stranger_s(answer: object) -> None:
    with pytest.raises(Unreachable, match="check ISOFLOP_URL"):
        Recorded(answer).add_token("ada", "laptop", None)

"""Which role each route needs: one table, and whatever is not in it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import Request

from orchestrator.people import Actor, Forbidden, Role

R, S, A = Role.READER, Role.SUBMITTER, Role.ADMIN
_SWEEP: Final = "/api/v1/sweeps/{name}"
_RUN: Final = "/api/v1/runs/{run}"
_BOARD: Final = "/api/v1/boards/{board}"

NEEDS: Final[Mapping[tuple[str, str], Role | None]] = {
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): None,
    ("GET", "/metrics"): R,
    ("GET", "/login"): None,
    ("POST", "/login"): None,
    ("POST", "/logout"): None,
    ("GET", "/static/{name}"): None,
    ("GET", "/"): R,
    ("GET", "/sweeps/{name}"): R,
    ("GET", "/sweeps/{name}/runs"): R,
    ("GET", "/sweeps/{name}/answer"): R,
    ("GET", "/sweeps/{name}/variants"): R,
    ("GET", "/sweeps/{name}/next"): R,
    ("GET", "/compare"): R,
    ("GET", "/runs"): R,
    ("GET", "/runs/{run}"): R,
    ("GET", "/sweeps/{name}/figures/{plot}.json"): R,
    ("GET", "/api/v1/account"): R,
    ("GET", "/api/v1/ledger"): R,
    ("GET", "/api/v1/ledger.csv"): R,
    ("GET", "/api/v1/audit"): A,
    ("GET", "/api/v1/audit.csv"): A,
    ("GET", "/api/v1/users"): A,
    ("POST", "/api/v1/users"): A,
    ("POST", "/api/v1/users/{user}"): A,
    ("POST", "/api/v1/users/{user}/tokens"): A,
    ("POST", "/api/v1/users/{user}/revoke"): A,
    ("POST", "/api/v1/groups/{group}"): A,
    ("GET", "/boards"): R,
    ("GET", "/boards/{board}"): R,
    ("POST", "/boards"): A,
    ("POST", "/boards/{board}"): S,
    ("POST", "/boards/{board}/close"): A,
    ("POST", "/boards/{board}/decide"): A,
    ("GET", "/api/v1/boards"): R,
    ("POST", "/api/v1/boards"): A,
    ("GET", _BOARD): R,
    ("POST", f"{_BOARD}/entries"): S,
    ("POST", f"{_BOARD}/close"): A,
    ("POST", f"{_BOARD}/decide"): A,
    ("GET", "/api/v1/classes/{group}"): A,
    ("POST", "/api/v1/classes/{group}"): A,
    ("GET", "/api/v1/comparison"): R,
    ("GET", "/api/v1/sweeps"): R,
    ("POST", "/api/v1/sweeps"): S,
    ("POST", "/api/v1/plans"): S,
    ("GET", _SWEEP): R,
    ("POST", f"{_SWEEP}/{{action}}"): S,
    **{
        ("GET", f"{_SWEEP}/{part}"): R
        for part in (
            "records", "runs", "runs.csv", "events", "forecasts", "fit", "fit.csv", "prediction", "comparison", "chart",
            "charts/{chart}.{suffix}", "configuration",
        )
    },
    **{("GET", f"{_RUN}{part}"): R for part in ("", "/curve", "/log")},
}  # fmt: skip
"""By method and path: the least role, or None for what anybody may ask for. Ownership comes on top of it."""


def needed(method: str, path: str) -> Role | None:
    """The least role that a route needs; None if it needs none. Raises Forbidden for one that the table lacks."""
    try:
        return NEEDS[method, path]
    except KeyError:
        raise Forbidden(f"{method} {path} is open to nobody") from None


async def check_role(request: Request) -> None:
    """Refuse a request whose caller's role is too low for the route. Raises Forbidden."""
    role = needed(request.method, getattr(request.scope.get("route"), "path_format", ""))
    actor = actor_of(request)
    if role is not None and not actor.role.covers(role):
        raise Forbidden(
            f"{actor.name} has the role {actor.role}, and this needs {role}: an admin can change it with "
            f"isoflop user set {actor.name} --role {role}"
        )


def actor_of(request: Request) -> Actor:
    """Who sent a request, as the guard found by the token; never by what a header says."""
    actor: Actor = request.state.actor
    return actor

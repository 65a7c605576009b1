"""The routes by which admins make, change and close accounts, as `isoflop user` does in the home."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from orchestrator.api.documents import json_document, reply
from orchestrator.api.permissions import actor_of
from orchestrator.people import LONGEST_DAYS, Quota, Role
from orchestrator.use_cases.accounts import add_token, add_user, change_user, revoke, set_group, users_json
from orchestrator.use_cases.workspace import Workspace

USERS = "/api/v1/users"
GROUPS = "/api/v1/groups"
Days = Annotated[
    float | None, Query(gt=0, le=LONGEST_DAYS, description="Days until the token expires; none for never.")
]


class QuotaAsked(BaseModel):
    """What of a quota is to be changed."""

    model_config = ConfigDict(extra="forbid")

    flops: float | None = Field(None, gt=0, allow_inf_nan=False, description="Quota of training FLOPs.")
    hours: float | None = Field(None, gt=0, le=1e12, description="Quota of device-hours.")
    sweeps: int | None = Field(None, ge=0, le=1_000_000, description="Quota of unfinished sweeps at a time.")

    @property
    def quota(self) -> Quota:
        """The quota."""
        return Quota(self.flops, None if self.hours is None else self.hours * 3600, self.sweeps)


class ChangeAsked(QuotaAsked):
    """What of an account is to be changed."""

    role: Role | None = Field(None, description="What the account may do.")
    group: str | None = Field(None, description="Group whose quota the account shares; empty for none.")
    weight: float | None = Field(None, ge=0.01, le=100, description="Share of the devices beside others.")


def install(app: FastAPI, workspace: Workspace) -> None:
    """Add the routes."""

    @app.get(USERS, tags=["people"])
    async def list_users(request: Request) -> Response:
        """The accounts with their tokens' names and their quotas, then the groups."""
        return reply(request, json_document(await run_in_threadpool(users_json, workspace)))

    @app.post(USERS, tags=["people"], status_code=201)
    def make_user(
        request: Request,
        user: str,
        role: Role = Role.SUBMITTER,
        group: str = "",
        token: str = "first",
        days: Days = None,
    ) -> dict[str, str]:
        """Make an account; the answer has its first token, which is not stored and not shown again."""
        return {"user": user, "token": add_user(workspace, user, role, group, token, days, actor_of(request))}

    @app.post(USERS + "/{user}", tags=["people"])
    def set_user(request: Request, user: str, asked: Annotated[ChangeAsked, Query()]) -> dict[str, str]:
        """Change what is given of an account's role, group, quota and weight."""
        change_user(workspace, user, asked.role, asked.group, asked.quota, asked.weight, actor_of(request))
        return {"user": user}

    @app.post(USERS + "/{user}/tokens", tags=["people"], status_code=201)
    def make_token(request: Request, user: str, token: str, days: Days = None) -> dict[str, str]:
        """Make another token of an account, which is not stored and not shown again."""
        return {"user": user, "token": add_token(workspace, user, token, days, actor_of(request))}

    @app.post(USERS + "/{user}/revoke", tags=["people"])
    def end_token(request: Request, user: str, token: str | None = None) -> dict[str, Any]:
        """Revoke a token, or without its name close the account with all of them."""
        revoke(workspace, user, token, actor_of(request))
        return {"user": user, "token": token}

    @app.post(GROUPS + "/{group}", tags=["people"])
    def change_group(request: Request, group: str, asked: Annotated[QuotaAsked, Query()]) -> dict[str, str]:
        """Change what is given of the quota that the accounts of a group share."""
        set_group(workspace, group, asked.quota, actor_of(request))
        return {"group": group}

"""The routes that control submitted sweeps, and the one that shows what a run logged."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from fastapi import FastAPI

from orchestrator.use_cases.control import ACTIONS, run_log_json
from orchestrator.use_cases.workspace import Workspace


class Action(StrEnum):
    """The controls of a sweep."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"


def install(app: FastAPI, workspace: Workspace) -> None:
    """Add the routes to an application."""

    @app.post("/api/v1/sweeps/{name}/{action}", tags=["sweeps"])
    def control(name: str, action: Action) -> dict[str, str]:
        """Cancel, pause, resume or retry a sweep; runs in training leave a checkpoint before they end."""
        return {"name": name, "action": action, "message": ACTIONS[action](workspace, name)}

    @app.get("/api/v1/runs/{run}/log", tags=["runs"])
    def log(run: str, attempt: int | None = None) -> list[dict[str, Any]]:
        """A run's attempts with their causes, each followed by the events that it logged."""
        return list(run_log_json(workspace, run, attempt))

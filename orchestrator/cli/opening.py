"""Opens the home of this folder and announces it on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.output import say

if TYPE_CHECKING:
    from orchestrator.use_cases.workspace import Workspace


def open_workspace() -> Workspace:
    """The workspace of this folder's home."""
    from orchestrator.home import find_home
    from orchestrator.use_cases.workspace import Workspace

    home = find_home()
    say(f"state: {home.root} ({home.reason})")
    return Workspace(home, say=say)

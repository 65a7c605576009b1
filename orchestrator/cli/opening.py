"""Opens the home of this folder and announces it on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.output import say

if TYPE_CHECKING:
    from orchestrator.use_cases.workspace import Workspace


def open_workspace(*, reading: bool = False) -> Workspace:
    """The workspace of this folder's home; what is opened only to read is neither made nor changed."""
    from orchestrator.home import find_home
    from orchestrator.use_cases.workspace import Workspace

    home = find_home()
    say(f"state: {home.root} ({home.reason})")
    workspace = Workspace(home, say=say, reading=reading)
    if not reading:
        for note in home.close_to_others():
            say(note)
    return workspace

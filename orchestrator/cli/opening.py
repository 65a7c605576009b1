"""Opens the home of this folder, or the service that is named instead, and announces it on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.output import say
from orchestrator.environment import variable

if TYPE_CHECKING:
    from orchestrator.client import Client
    from orchestrator.use_cases.answering import Answering
    from orchestrator.use_cases.remote import RemoteAnswering
    from orchestrator.use_cases.workspace import Workspace


def open_workspace(*, reading: bool = False, here: str = "this command works in the home here") -> Workspace:
    """The workspace of this folder's home; what is opened only to read is neither made nor changed.

    `here` tells who has set ISOFLOP_URL what is done in the home all the same.
    """
    from orchestrator.home import find_home
    from orchestrator.use_cases.workspace import Workspace

    home = find_home()
    say(f"state: {home.root} ({home.reason})")
    if variable("ISOFLOP_URL"):
        say(f"note: ISOFLOP_URL names a service, and {here}")
    workspace = Workspace(home, say=say, reading=reading)
    if not reading:
        for note in home.close_to_others():
            say(note)
    return workspace


def open_service() -> Client | None:
    """The service that ISOFLOP_URL names; None if it names none."""
    from orchestrator.client import service_client

    client = service_client()
    if client is not None:
        say(f"service: {client.url} (ISOFLOP_URL)")
    return client


def open_answering(workspace: Workspace | None = None) -> Answering | RemoteAnswering:
    """What answers from sweeps: the service that ISOFLOP_URL names, else the home, in which a workspace may be open."""
    client = open_service()
    if client is not None:
        from orchestrator.use_cases.remote import RemoteAnswering

        return RemoteAnswering(client)
    from orchestrator.use_cases.answering import Answering

    return Answering(workspace or open_workspace(reading=True))

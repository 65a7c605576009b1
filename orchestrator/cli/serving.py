"""The verbs that keep the service: serve, doctor."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.interrupts import handled_elsewhere
from orchestrator.cli.opening import open_workspace
from orchestrator.cli.options import Output
from orchestrator.cli.output import Format, emit_rows, say
from orchestrator.cli.port import LARGEST, address_of, open_port

if TYPE_CHECKING:
    import uvicorn

    from orchestrator.api.repeats import Repeats


SWITCH_SECONDS = 0.001
"""After which a thread that computes lets the one that answers go on."""


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=LARGEST, help="Port to listen on; 0 takes a free one.")
    ] = 8337,
) -> None:
    """Run the scheduler, and serve REST and the page.

    An address beyond loopback needs accounts (isoflop user add), or a token in ISOFLOP_TOKEN.
    """
    from orchestrator.access_token import read_token
    from orchestrator.api.app import create_app
    from orchestrator.api.connections import EndingServer
    from orchestrator.api.guard import check_bind, is_loopback
    from orchestrator.cluster import signals
    from orchestrator.cluster.head_watch import HeadLost
    from orchestrator.settings import choose_device
    from orchestrator.use_cases.adapting import Adapting
    from orchestrator.use_cases.background import Background
    from orchestrator.use_cases.execution import Execution
    from orchestrator.use_cases.members import Members
    from orchestrator.use_cases.received import corpora_within
    from orchestrator.use_cases.workshop import Workshop, planning_workshop

    workspace = open_workspace()
    members = Members(workspace, read_token())
    check_bind(host, closed=members.entry("").closed)
    execution = Execution(workspace)

    def end() -> None:
        """End the service with the head of a Ray cluster; without a Ray of our own, reading goes on."""
        server.should_exit = workspace.settings.ray_address != "local"

    with open_port(host, port) as listening, execution.scheduling(choose_device("auto"), serves=True) as scheduler:
        background = Background(execution, scheduler, when_lost=end, advance=Adapting(workspace).advance_all)
        corpora = corpora_within(workspace, loopback=is_loopback(host))
        workshops = Workshop(), planning_workshop()
        app = create_app(
            workspace, background, members=members, corpora=corpora, workshop=workshops[0], planners=workshops[1]
        )
        server = EndingServer(_configuration(app, host, port, app.state.repeats), workshops)
        with handled_elsewhere(), signals.replaced(lambda: setattr(server, "should_exit", True)):
            say(f"page and REST: {address_of(listening)}")
            _shorten_pauses()
            server.run(sockets=[listening])
        if isinstance(background.error, HeadLost):
            raise background.error


def _shorten_pauses() -> None:
    """Keep requests from waiting for the collector's walk through what was imported, or for threads that compute."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)


def _configuration(app: Callable[..., Any], host: str, port: int, repeats: Repeats) -> uvicorn.Config:
    """How the server listens; what a proxy says of its clients is believed where the operator names the proxy."""
    import uvicorn

    from orchestrator.api.connections import BACKLOG, most_connections, timed_protocol

    named = "FORWARDED_ALLOW_IPS" in os.environ  # else anybody on this machine is whoever they say
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        log_config=None,
        timeout_graceful_shutdown=5,
        proxy_headers=named,
        http=timed_protocol(most_connections(), repeats=repeats),
        backlog=BACKLOG,
    )


def doctor(output: Output = Format.TABLE) -> None:
    """Check that this machine has what a sweep needs."""
    from orchestrator.use_cases.doctor import checks

    rows = [
        {"check": c.name, "ok": "yes" if c.ok else "NO", "finding": c.finding}
        for c in checks(open_workspace(reading=True))
    ]
    emit_rows(rows, ["check", "ok", "finding"], output, importance=("ok", "check", "finding"))
    if any(row["ok"] == "NO" for row in rows):
        raise typer.Exit(1)

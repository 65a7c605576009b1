"""A service that really listens, on loopback and in a thread of the test."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import uvicorn

from orchestrator.api.app import create_app
from orchestrator.use_cases.workspace import Workspace


@contextlib.contextmanager
def listening(workspace: Workspace) -> Iterator[str]:
    """The address of the REST interface over a home, without a scheduler."""
    config = uvicorn.Config(create_app(workspace), port=0, log_level="error")
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    server.should_exit = True
    thread.join()

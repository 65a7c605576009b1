"""A loopback server with the piece of wandb's GraphQL interface that reading a project needs."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0123456789" * 4
"""The API key that the server accepts."""
VIEWER = {"id": "v", "entity": "me", "username": "me", "email": "", "flags": "{}", "teams": {"edges": []}}


def node(index: int, state: str, config: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """A run as wandb keeps it: config values wrapped, config and summary as JSON text."""
    return {
        "id": f"node{index}", "projectId": "1", "name": f"run{index}", "displayName": f"lively-lion-{index}", "tags": [],
        "state": state, "config": json.dumps({key: {"value": value} for key, value in config.items()}),
        "summaryMetrics": json.dumps(dict(summary)), "systemMetrics": "{}", "historyLineCount": 1, "historyKeys": None,
        "sweepName": None, "group": None, "jobType": None, "commit": None, "readOnly": False, "description": None,
        "notes": None, "createdAt": "2026-01-01T00:00:00Z", "heartbeatAt": "2026-01-01T00:00:00Z",
        "user": {"name": "me", "username": "me"},
    }  # fmt: skip


class JsonHandler(BaseHTTPRequestHandler):
    """Reads bodies as wandb's clients send them, chunked or compressed, and answers in JSON."""

    def log_message(self, *_: Any) -> None:
        pass

    def body(self) -> bytes:
        data = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(data) if self.headers.get("Content-Encoding") == "gzip" else data

    def answer(self, data: Any, status: int = 200) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Handler(JsonHandler):
    protocol_version = "HTTP/1.1"
    projects: Mapping[str, Sequence[dict[str, Any]]]
    pages: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.body()
        if not self.path.endswith("/graphql"):
            self.answer({})  # telemetry
        elif self.headers.get("Authorization") != "Basic " + base64.b64encode(f"api:{KEY}".encode()).decode():
            self.answer({"errors": [{"message": "invalid API key"}]}, status=401)
        else:
            asked = json.loads(body)
            runs = "runs(filters" in asked["query"]
            self.answer({"data": {"project": self._page(asked["variables"])} if runs else {"viewer": VIEWER}})

    def _page(self, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        self.pages.append(dict(asked))
        nodes = self.projects.get(f"{asked['entity']}/{asked['project']}")
        if nodes is None:
            return None
        start = int(asked["cursor"] or 0)
        edges = [
            {"node": n, "cursor": str(start + i + 1)} for i, n in enumerate(nodes[start : start + asked["perPage"]])
        ]
        more = start + len(edges) < len(nodes)
        page = {"edges": edges, "pageInfo": {"endCursor": str(start + len(edges)), "hasNextPage": more}}
        return {"internalId": "1", "runCount": len(nodes), "readOnly": False, "runs": page}


@contextmanager
def serving_projects(
    projects: Mapping[str, Sequence[dict[str, Any]]],
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve projects on a free port of loopback: the address, and the variables of each request for runs."""
    handler = type("Handler", (_Handler,), {"projects": projects, "pages": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler.pages  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)

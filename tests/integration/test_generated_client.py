"""A client that is generated from the OpenAPI document submits a sweep, watches it, and asks its law."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.use_cases.planning import Planning
from tests.conftest import ROOT
from tests.unit.orchestrator.api.listening import listening
from tests.unit.orchestrator.api.varied import varied_home
from tests.unit.orchestrator.use_cases.homes import planned

GENERATOR = "openapi-python-client==0.29.1"
"""It needs an earlier typer than ours, and so an environment of its own."""
STORY = """
import json, sys
from generated.api.answers import get_fit
from generated.api.runs import list_runs
from generated.api.sweeps import get_sweep, list_sweeps, plan, submit_sweep
from generated.client import Client
from generated.models import Problem
from generated.types import File
import io

client = Client(base_url=sys.argv[1])
sweep = lambda: File(payload=io.BytesIO(b"name: x\\n"))
first = submit_sweep.sync_detailed(client=client, body=sweep())
assert first.status_code == 201, first
again = submit_sweep.sync_detailed(client=client, body=sweep())
assert again.status_code == 200, again
shown = json.loads(get_sweep.sync_detailed("x", client=client).content)
assert shown["queued"] == shown["total"] > 0 and shown["done"] == 0, shown
listed = json.loads(list_sweeps.sync_detailed(client=client).content)
assert {each["name"] for each in listed} == {"x", "varied"}, listed
runs = json.loads(list_runs.sync_detailed("varied", client=client, limit=3).content)
assert len(runs) == 3, runs
law = json.loads(get_fit.sync_detailed("varied", client=client, variant="qk_norm=True").content)
assert law["law_id"], law
question = {"flops": 5e12, "variant": "qk_norm=True"}
asked = client.get_httpx_client().get("/api/v1/sweeps/varied/prediction", params=question).json()
assert asked["flops"] == 5e12, asked
assert asked["loss_interval"][0] < asked["loss"] < asked["loss_interval"][1], asked
refused = get_fit.sync("nothing", client=client)
assert isinstance(refused, Problem), refused
assert (refused.status, refused.type_) == (404, "urn:isoflop:not-found"), refused
"""
"""What the generated client does, in the generator's environment.

A prediction is asked for by its address: in the function that this generator makes for it, the key `params` takes the
place of a variable of the generator's own.
"""


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A service over a home with a sweep that has a law, where every sweep file has the same plan."""
    made = planned()
    monkeypatch.setattr(Planning, "plan", lambda *_: made)
    workspace = varied_home(tmp_path / "home")
    with listening(workspace) as address:
        yield address
    workspace.close()


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program; returns what it printed."""
    kept = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "HTTP", "http", "REQUESTS_", "no_"))}
    environment = kept | {"PATH": f"{Path(command[0]).parent}:/usr/bin:/bin", "HOME": str(cwd)}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_generated_client_submits_watches_and_asks(url: str, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", "tool", cwd=tmp_path)
    tool = tmp_path / "tool" / "bin"
    run(tool / "python", "-m", "pip", "install", "--quiet", GENERATOR, cwd=tmp_path)
    document = str(ROOT / "docs" / "openapi.json")
    said = run(
        tool / "openapi-python-client", "generate", "--path", document, "--meta", "none", "--output-path", "generated",
        cwd=tmp_path,
    )  # fmt: skip
    assert "Endpoint will not be generated" not in said
    (tmp_path / "story.py").write_text(STORY)
    run(tool / "python", "story.py", url, cwd=tmp_path)

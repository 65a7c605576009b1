"""wandb: the offline runs read back, a stand-in of its API, and its death."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestrator.attempts import Tracking
from orchestrator.cli.sources import QUANTITIES
from orchestrator.tracking.sweep_run import offline_runs
from orchestrator.tracking.wandb_mirror import WandbMirror, choose_tracking
from orchestrator.tracking.wandb_project import LoggedRun, table_of
from tests.conftest import Finished
from tests.integration.wandb_server import JsonHandler

WANDB = Path(sys.executable).with_name("wandb")


def _inspect(folder: Path, *options: str) -> str:
    command = [str(WANDB), "leet", "inspect", "--json", *options, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=True).stdout


INSPECT = """
import sys
from wandb.cli.cli import cli
for folder in sys.argv[1:]:
    try:
        cli(["leet", "inspect", "--json", "--summary", folder])
    except SystemExit as end:
        assert not end.code, end
"""


def _summaries(folders: list[Path]) -> list[dict[str, Any]]:
    """What `wandb leet inspect --json --summary` says of each folder, from one process: wandb is loaded once."""
    command = [sys.executable, "-c", INSPECT, *map(str, folders)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True).stdout
    found, decoder = [], json.JSONDecoder()
    while said := said.lstrip():
        document, end = decoder.raw_decode(said)
        found.append(document)
        said = said[end:]
    assert len(found) == len(folders)
    return found


def test_offline_runs_hold_what_a_fit_of_the_project_reads(finished: Finished) -> None:
    rows = json.loads(finished.isoflop("show", "tiny", "-o", "json").stdout)["runs"]
    folders = sorted((finished.sandbox.home / "wandb" / "wandb").glob("offline-run-*"))
    fits = [folder for folder in folders if "-fit-" in folder.name]
    assert len({folder.name.partition("-fit-")[2] for folder in fits}) == 1, "one run for the sweep, however often"
    _check_the_run_of_the_sweep(fits[0], finished)
    runs = [folder for folder in folders if folder not in fits]
    assert '"run_group":"tiny@' in _inspect(runs[0])
    logged = [LoggedRun(run["run_id"], run["state"], run["config"], run["summary"]) for run in _summaries(runs)]
    table = table_of(logged, {name: name for name in QUANTITIES}, project="me/isoflop")
    stored = {row["run"]: row for row in rows if row["role"] == "grid"}
    assert set(table.names) == set(stored)
    for run, flops, params, tokens, loss in zip(
        table.names, table.flops, table.params, table.tokens, table.loss, strict=True
    ):
        row = stored[run]
        assert (params, tokens, loss) == (row["params"], row["tokens"], row["loss"])
        assert flops == pytest.approx(row["budget"], rel=0.02)


def _check_the_run_of_the_sweep(folder: Path, finished: Finished) -> None:
    """Its law is in the summary, its IsoFLOP chart an image and a page, its report a page."""
    law = json.loads(finished.isoflop("fit", "tiny", "-o", "json").stdout)
    logged = json.loads(_inspect(folder, "--summary"))
    assert '"fit"' in _inspect(folder)
    assert logged["summary"]["law_id"] == law["law_id"]
    kinds = {
        name: value["_type"]
        for name, value in logged["summary"].items()
        if isinstance(value, dict) and "_type" in value
    }
    assert kinds["chart/isoflop"] == "image-file"
    assert kinds["page/isoflop"] == kinds["page/report"] == "html-file"
    media = {path.relative_to(folder / "files").parts[1] for path in (folder / "files").rglob("*.html")}
    assert media, "the pages are among the run's files"


def _metrics(folder: Path) -> dict[str, str]:
    """The axis of each metric, or of each group of metrics, that an offline run defines."""
    records = [json.loads(line) for line in _inspect(folder).splitlines()]
    defined = [record["metric"] for record in records if "metric" in record]
    return {metric.get("name") or metric["glob_name"]: metric.get("step_metric", "") for metric in defined}


def test_every_curve_is_drawn_over_tokens_and_over_flops(tmp_path: Path) -> None:
    tracking = Tracking("offline", str(tmp_path), "isoflop", "test")
    mirror = WandbMirror(tracking, run_id="r1", group="g", config={}, name="n")
    for step in (1, 2):
        position = {"step": step, "tokens": 100 * step, "flops": 1e6 * step}
        curves = {"loss": 4.0 - step, "lr": 0.1, "tokens_per_second": 50.0, "gradient_norm": 2.0}
        mirror.send({"kind": "progress", **position, **curves})
    mirror.send({"kind": "evaluation", "step": 2, "tokens": 200, "flops": 2e6, "validation_loss": 2.5})
    mirror.send(None)
    assert mirror.wait(60) and not mirror.note, mirror.note
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    axes = _metrics(folder)
    for name in ("loss/train", "loss/validation", "lr", "tokens_per_second", "gradient_norm"):
        assert axes[name] == "tokens"
    assert axes["over_flops/*"] == "flops"
    summary = json.loads(_inspect(folder, "--summary"))["summary"]
    assert (summary["loss/train"], summary["over_flops/loss/train"]) == (2.0, 2.0)
    assert (summary["over_flops/gradient_norm"], summary["over_flops/loss/validation"]) == (2.0, 2.5)
    offline = offline_runs(tracking)
    assert offline is not None
    dry = subprocess.run(
        f"{WANDB.parent}/{offline.sync_command} --dry-run",
        shell=True, capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    assert folder.name in dry.stdout + dry.stderr


def test_without_a_key_the_mirror_is_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    chosen = choose_tracking(tmp_path, {})
    assert (chosen.mode, chosen.reason) == ("offline", "no API key")


def test_with_a_key_but_no_network_the_mirror_is_offline(tmp_path: Path) -> None:
    environ = {"WANDB_API_KEY": "0" * 40, "WANDB_BASE_URL": "http://127.0.0.1:9"}
    chosen = choose_tracking(tmp_path, environ)
    assert chosen.mode == "offline"
    assert "does not answer" in chosen.reason


def test_a_dead_mirror_leaves_a_note_and_nothing_else(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    tracking = Tracking("offline", str(blocker / "below"), "bad/project/name", "test")
    mirror = WandbMirror(tracking, run_id="r/1", group="g", config={}, name="n")
    for step in range(5):
        mirror.send({"kind": "progress", "step": step, "loss": 1.0, "tokens": step})
    mirror.send(None)
    assert mirror.wait(60)
    assert mirror.note.startswith("wandb mirror off")


class _StandIn(JsonHandler):
    """The few answers of wandb's API that a run needs; it keeps the history that it is sent."""

    history: list[dict[str, Any]]
    uploads: list[str]

    def do_GET(self) -> None:  # noqa: N802 - as http.server calls it
        self.answer({})

    def do_PUT(self) -> None:  # noqa: N802 - as http.server calls it
        self.body()
        self.uploads.append(self.path)
        self.answer({})

    def do_POST(self) -> None:  # noqa: N802 - as http.server calls it
        body = self.body()
        if self.path.endswith("/file_stream"):
            for line in json.loads(body).get("files", {}).get("wandb-history.jsonl", {}).get("content", []):
                self.history.append(json.loads(line))
            self.answer({})
            return
        if not self.path.endswith("/graphql"):
            self.answer({})
            return
        query = json.loads(body).get("query", "")
        if "UpsertBucket" in query or "upsertBucket" in query:
            run = {"id": "x", "name": "mirror1", "displayName": "m", "description": "", "config": "{}", "sweepName": None,
                   "project": {"id": "p", "name": "isoflop", "entity": {"id": "e", "name": "me"}},
                   "historyLineCount": 0}  # fmt: skip
            self.answer({"data": {"upsertBucket": {"bucket": run, "inserted": True}}})
        elif "createRunFiles" in query:
            base = f"http://{self.headers['Host']}/upload"
            names = json.loads(body)["variables"].get("files", [])
            files = [{"name": n, "uploadUrl": f"{base}/{n}"} for n in names]
            created = {"runID": "x", "uploadHeaders": [], "files": files}
            self.answer({"data": {"createRunFiles": created}})
        else:
            self.answer({"data": {"viewer": {"id": "v", "entity": "me", "flags": "{}", "teams": {"edges": []}}}})


def test_online_with_a_key_and_a_server(tmp_path: Path) -> None:
    """In a process of its own: wandb keeps a service process that must not outlive the test."""
    handler = type("Handler", (_StandIn,), {"history": [], "uploads": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    environ = {"WANDB_API_KEY": "0123456789" * 4, "WANDB_BASE_URL": f"http://127.0.0.1:{server.server_port}"}
    code = """
import sys
from pathlib import Path
from orchestrator.tracking.sweep_run import offline_runs
from orchestrator.tracking.wandb_mirror import WandbMirror, choose_tracking
tracking = choose_tracking(Path(sys.argv[1]))
assert tracking.mode == "online", tracking
mirror = WandbMirror(tracking, run_id="mirror1", group="demo@1", config={"n": 1}, name="n1")
for step in range(1, 4):
    mirror.send({"kind": "progress", "step": step, "loss": 4.0 - step, "tokens": 100 * step, "flops": 1e6 * step})
mirror.send(None)
assert mirror.wait(60), "the mirror hangs"
assert not mirror.note, mirror.note
"""
    from tests.conftest import ROOT, Sandbox

    environment = Sandbox(tmp_path, tmp_path).environment | environ
    environment.pop("WANDB_MODE")
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    finally:
        server.shutdown()
        server.server_close()
    logged = {row["step"]: row["loss/train"] for row in handler.history if "step" in row}
    assert logged == {1: 3.0, 2: 2.0, 3: 1.0}

"""`fit --wandb`: a project read by wandb's own client over HTTP from a server on loopback."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT, Sandbox
from tests.integration.wandb_server import KEY, node, serving_projects
from tests.unit.analysis.law_tables import sweep

KEYS = ["--flops-key", "budget.C", "--params-key", "model.n", "--tokens-key", "tokens", "--loss-key", "val/loss"]


def project() -> list[dict[str, Any]]:
    """35 finished runs, more than a page of crashed ones before them, and two that miss something."""
    nodes = [node(i, "crashed", {"budget": {"C": 1e18}, "model": {"n": 1e8}}, {}) for i in range(101)]
    for i, row in enumerate(sweep(seed=1).itertuples(), start=200):
        config = {"budget": {"C": f"{row.flops:g}"}, "model": {"n": row.params}, "name": "x"}
        nodes.append(node(i, "finished", config, {"val/loss": row.loss, "tokens": row.tokens, "_step": 3}))
    nodes.append(node(300, "finished", {"model": {"n": 1e8}}, {"val/loss": 3.0, "tokens": 1e9}))
    nodes.append(
        node(301, "finished", {"budget": {"C": 1e19}, "model": {"n": 1e8}}, {"val/loss": "NaN", "tokens": 1e9})
    )
    return nodes


def test_a_project_is_fitted_page_by_page_and_what_is_left_out_is_listed(sandbox: Sandbox) -> None:
    with serving_projects({"team/scaling": project()}) as (url, pages):
        done = sandbox.isoflop(
            "fit", "--wandb", "team/scaling", *KEYS, "--filter", '{"tags": "a"}', "-o", "json",
            WANDB_BASE_URL=url, WANDB_API_KEY=KEY,
        )  # fmt: skip
    fitted = json.loads(done.stdout)
    assert [len(curve["params"]) for curve in fitted["curves"]] == [7] * 5
    assert fitted["laws"]["headline"]["exponents"]["params"]["exponent"] == pytest.approx(0.45, abs=0.02)
    reasons = [entry["reason"] for entry in fitted["excluded"]]
    assert reasons.count("state is crashed") == 101
    assert "no flops (key budget.C)" in reasons and "loss is nan (key val/loss)" in reasons
    assert "model.n" in fitted["convention"]
    assert [page["cursor"] for page in pages] == [None, "100"]
    assert {json.loads(page["filters"])["tags"] for page in pages} == {"a"}
    assert done.stderr == "", "wandb's own chatter"


def test_what_goes_wrong_is_said(sandbox: Sandbox) -> None:
    """In one process of its own: wandb keeps a service process that must not outlive the test."""
    code = """
import os, sys
from orchestrator.tracking.wandb_project import WandbError, read_project
for path, key in (("team/nothing", os.environ["WANDB_API_KEY"]), ("team/scaling", "9" * 40)):
    os.environ["WANDB_API_KEY"] = key
    try:
        read_project(path, {"flops": "C", "params": "N", "loss": "loss"})
    except WandbError as error:
        print(type(error).__name__, error)
"""
    with serving_projects({"team/scaling": []}) as (url, _):
        environment = sandbox.environment | {"WANDB_BASE_URL": url, "WANDB_API_KEY": KEY, "HOME": str(sandbox.cwd)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
    missing, refused = done.stdout.splitlines()
    assert missing.startswith("ProjectNotFound no wandb project team/nothing")
    assert refused.startswith("WandbError") and "does not accept the API key" in refused


@pytest.mark.parametrize(
    ("arguments", "extra", "code", "words"),
    [
        (["--wandb", "me/project"], {}, 2, "WANDB_API_KEY"),
        (
            ["--wandb", "me/project"],
            {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": "http://127.0.0.1:9"},
            4,
            "does not answer",
        ),
    ],
)
def test_mistakes_end_with_their_code(
    sandbox: Sandbox, arguments: list[str], extra: dict[str, str], code: int, words: str
) -> None:
    done = sandbox.isoflop("fit", *arguments, check=False, HOME=str(sandbox.cwd), **extra)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert words in done.stderr and "Traceback" not in done.stderr

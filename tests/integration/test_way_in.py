"""What another user of the machine can reach of the processes that train: nothing, or this test would be theirs."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import ROOT, RUN_SECONDS

NOBODY = 65534
"""User and group id of another user."""
TRAP = "import pathlib\npathlib.Path({mark!r}).touch()\nraise SystemExit('this is not ours')\n"
DEAD_PROXY = "http://127.0.0.1:9"
"""Where no proxy listens."""
SECRETS = {
    "ISOFLOP_TOKEN": "secret-of-the-service",
    "ISOFLOP_DATABASE_URL": "postgresql+psycopg://me:secret-of-the-database@host/x",
    "WANDB_API_KEY": "secret-of-wandb",
    "HF_TOKEN": "secret-of-another",
    "MIRROR": "https://me:secret-of-a-mirror@host/simple",
}
DRIVER = """
import json, os, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from orchestrator.cluster.cluster import Cluster
from orchestrator.cluster.ray_environment import secrets_of

pool = Cluster(
    workers=1, device="cpu", token=Path(sys.argv[2]), hidden=secrets_of(os.environ, wandb=False, store=False)
)
pool.start("test", 1)
import ray

def look(worker):
    import model, orchestrator, os, sys, torch
    modules = {m.__name__: m.__file__ for m in (model, orchestrator, torch)}
    return {"path": sys.path, "cwd": os.getcwd(), "environment": dict(os.environ), "modules": modules, "pid": os.getpid(),
            "niceness": os.nice(0)}

def wait():
    while not pool.idle():
        pool.poll(0.1)
    found = ray.get(pool._pool[0].actor.__ray_call__.remote(look))
    found |= {"address": ray.get_runtime_context().gcs_address, "processes": [p.pid for p in pool.processes()]}
    print(json.dumps(found), flush=True)

wait()
while line := sys.stdin.readline():
    while pool._losses < int(line):
        pool.poll(0.1)
    wait()
pool.close()
"""
JOIN = """
import sys, ray
ray.init(address=sys.argv[1], logging_level="ERROR")
print("joined", flush=True)
"""


@dataclass(frozen=True)
class Driver:
    """A process with a pool of one worker, and what that worker said about itself."""

    process: subprocess.Popen[str]
    found: dict[str, Any]
    temporary: Path
    token: Path
    mark: Path
    """File that exists once a planted module was imported."""


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    """A pool in a folder of temporary files that all may write, with secrets, a proxy and a module path around it."""
    shared = Path(tempfile.mkdtemp(dir="/tmp"))  # short, and open to others, which pytest's own folders are not
    temporary, mine, mark = shared / "t", shared / "mine", shared / "t" / "mark"
    for folder, mode in ((shared, 0o755), (temporary, 0o1777), (mine, 0o755)):
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)
    for name in ("model", "analysis", "tokenizer", "sweeps", "orchestrator"):
        (mine / f"{name}.py").write_text(TRAP.format(mark=str(mark)))
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "grpc_proxy"), DEAD_PROXY)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ISOFLOP_", "WANDB_", "RAY_"))}
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(ROOT), str(shared / "token")],
        cwd=mine,
        env=kept | SECRETS | proxies | {"TMPDIR": str(temporary), "PYTHONPATH": str(mine)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None and process.stdin is not None
        yield Driver(process, json.loads(process.stdout.readline()), temporary, shared / "token", mark)
        process.stdin.close()
        assert process.wait(RUN_SECONDS) == 0
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
        shutil.rmtree(shared, ignore_errors=True)


def test_a_worker_imports_our_modules_and_none_from_where_others_write(driver: Driver) -> None:
    found = driver.found
    assert found["modules"]["model"] == str(ROOT / "model" / "__init__.py")
    assert found["path"][0] == str(ROOT) == found["cwd"]
    assert not driver.mark.exists()
    open_to_all = [path for path in found["path"] if Path(path).is_dir() and Path(path).stat().st_mode & stat.S_IWOTH]
    assert open_to_all == [] and found["path"] and "" not in found["path"]
    assert not any(path.startswith(str(driver.temporary)) for path in found["path"])
    assert found["environment"]["PYTHONSAFEPATH"] == "1"


def test_a_worker_has_the_priority_of_its_driver(driver: Driver) -> None:
    assert driver.found["niceness"] == psutil.Process(driver.process.pid).nice()


def test_no_process_of_ray_has_a_secret(driver: Driver) -> None:
    assert not set(SECRETS) & set(driver.found["environment"])
    others = [pid for pid in driver.found["processes"] if pid != driver.process.pid]
    assert len(others) > 3
    seen = b"".join(_read(f"/proc/{pid}/{what}") for pid in others for what in ("environ", "cmdline"))
    assert b"RAY_AUTH_MODE" in seen
    assert b"secret-of" not in seen
    assert driver.token.read_bytes() not in seen + _read(f"/proc/{driver.process.pid}/cmdline")


def test_everything_listens_on_loopback_alone(driver: Driver) -> None:
    listening = [
        connection.laddr.ip
        for pid in driver.found["processes"]
        if psutil.pid_exists(pid)
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 3
    assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}


@pytest.mark.parametrize("extra", [{}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "guessed" * 10}])
def test_nobody_joins_without_the_token(driver: Driver, tmp_path: Path, extra: dict[str, str]) -> None:
    environment = {"HOME": str(tmp_path), "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_NUM_REDIS_GET_RETRIES": "2"}
    command = [sys.executable, "-c", JOIN, driver.found["address"]]

    def join(**given: str) -> subprocess.CompletedProcess[str]:
        kept = {"PATH": os.environ["PATH"], **environment, **given}
        return subprocess.run(command, env=kept, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)

    refused = join(**extra)
    assert refused.returncode != 0 and "joined" not in refused.stdout
    assert "ConnectionError" in refused.stderr or "AuthenticationError" in refused.stderr
    admitted = join(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(driver.token))
    assert admitted.stdout == "joined\n", "with the token the same command works"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: acts as another user")
def test_another_user_plants_no_module_and_reads_no_token(driver: Driver) -> None:
    folders = [Path(driver.temporary), *(path for path in driver.temporary.rglob("*") if path.is_dir())]
    assert len(folders) > 10, "Ray's folders are among them"
    planted = [folder for folder in folders if _as_nobody("tee", f"{folder}/torch.py", text=_trap(driver))]
    assert planted == [driver.temporary], "only where everybody may write, and nothing is imported from there"
    assert not _as_nobody("cat", str(driver.token))
    assert not _as_nobody("ls", driver.found["environment"]["TMPDIR"])

    _end_raylet(driver)  # the worker that comes with the next Ray imports everything anew
    assert driver.process.stdin is not None and driver.process.stdout is not None
    print(1, file=driver.process.stdin, flush=True)
    again = json.loads(driver.process.stdout.readline())
    assert again["pid"] != driver.found["pid"] and again["address"] != driver.found["address"]
    assert "site-packages" in again["modules"]["torch"] and not driver.mark.exists()
    assert not set(SECRETS) & set(again["environment"])


def _end_raylet(driver: Driver) -> None:
    children = psutil.Process(driver.process.pid).children(recursive=True)
    (raylet,) = (child for child in children if child.name() == "raylet")
    raylet.kill()


def _trap(driver: Driver) -> str:
    return TRAP.format(mark=str(driver.mark))


def _as_nobody(*command: str, text: str = "") -> bool:
    """Whether a command of another user's works."""
    done = subprocess.run(
        command, input=text, text=True, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, check=False
    )
    return done.returncode == 0


def _read(path: str) -> bytes:
    """Content of a process's file; empty if the process has ended."""
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""

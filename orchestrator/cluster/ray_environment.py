"""The environment of Ray's processes: a token, no secret of others, no module path that depends on a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path

from orchestrator.cluster.private_folder import PrivateFolder

HABITS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Ray's own 15 leaves a worker a thirtieth of a core that any other program wants.
    "RAY_worker_niceness": "0",
}
"""Ray's habits that are changed, unless the environment says otherwise."""
BEHIND_A_SERVICE = 10
"""Niceness of a service's workers: it answers first, and what computes its answers goes before training, too."""
LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Lets all processes of a Ray of our own listen on loopback, on Linux as well."""
SAFE_PATH = {"PYTHONSAFEPATH": "1"}
"""Python imports nothing from the folder of its script or from the working directory."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Hosts that no proxy can reach for us."""
OURS = ("ISOFLOP_TOKEN", "ISOFLOP_DATABASE_URL", "ISOFLOP_URL", "PGPASSWORD", "PGPASSFILE", "RAY_AUTH_TOKEN")
"""Variables that no worker needs."""
_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIAL|KEY$|PASS$|_PWD$|AUTH$", re.I
)
_SECRET_VALUE = re.compile(r"://[^/\s@]*:[^/\s@]+@")
_NO_SECRET = ("RAY_AUTH_TOKEN_PATH", "TOKENIZERS_PARALLELISM")
_WANDB = "WANDB_API_KEY"


def driver_environment(environ: Mapping[str, str], address: str, token: Path) -> dict[str, str]:
    """What this process gets in addition before it loads Ray, and keeps for as long as it runs.

    Args:
        environ: the environment that it has.
        address: of Ray; `local` for one of our own.
        token: file with the secret of a Ray of our own; the secret of another is the environment's business.
    """
    host = address.removeprefix("ray://").rpartition(":")[0].strip("[]")
    found = dict(HABITS) | {"RAY_AUTH_MODE": "token"}
    found = {name: environ.get(name, value) for name, value in found.items()}
    if address == "local":
        found |= LOOPBACK_ONLY | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
        # Ray ends a driver whose parent is process 1 (nohup, systemd, containers) with its raylet, without a word.
        found["RAY_RAYLET_PID"] = str(os.getpid())
    return found | dict.fromkeys(("no_proxy", "NO_PROXY"), _no_proxy(environ, host))


def put_service_first(environ: MutableMapping[str, str]) -> None:
    """Let the workers that this process will start make way for it, unless the environment says otherwise."""
    environ.setdefault("RAY_worker_niceness", str(BEHIND_A_SERVICE))


def _no_proxy(environ: Mapping[str, str], host: str) -> str:
    """The hosts that are reached without a proxy: those of the environment, loopback, and Ray's head."""
    named = [environ.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    hosts = [one.strip() for one in ",".join(named).split(",")]
    return ",".join(dict.fromkeys(one for one in (*hosts, *LOOPBACK, host) if one))


def secrets_of(environ: Mapping[str, str], *, wandb: bool, store: bool) -> frozenset[str]:
    """Names of the variables that workers of our own Ray must not have.

    Args:
        environ: the environment that they would inherit.
        wandb: whether they need wandb's key.
        store: whether they read and write an artifact store, whose driver may need keys or a proxy of any name.
    """
    hidden = {name for name in environ if name in OURS or (name == _WANDB and not wandb)}
    if not store:
        hidden |= {name for name in environ if _SECRET_NAME.search(name) and name not in (_WANDB, *_NO_SECRET)}
        proxies = {name for name in environ if name.lower().endswith("_proxy")} if wandb else set()
        hidden |= {name for name, value in environ.items() if _SECRET_VALUE.search(value) and name not in proxies}
    return frozenset(hidden)


@contextmanager
def workers_environment(folder: PrivateFolder, scratch: Path, hidden: frozenset[str]) -> Iterator[None]:
    """Give this process, for as long as the block runs, the environment that the processes of our own Ray inherit.

    Args:
        folder: where their temporary files go.
        scratch: this machine's folder of copies, which must not move with the temporary folder.
        hidden: names of variables that they must not have.
    """
    before = dict(os.environ)
    for name in hidden:
        os.environ.pop(name, None)
    os.environ |= SAFE_PATH | {"TMPDIR": str(folder.temporary), "ISOFLOP_SCRATCH": str(scratch)}
    try:
        yield
    finally:
        for name in {*hidden, *SAFE_PATH, "TMPDIR", "ISOFLOP_SCRATCH"}:
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]

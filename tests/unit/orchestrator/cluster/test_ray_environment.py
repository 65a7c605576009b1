"""What Ray's processes inherit: a token and a safe path, and none of the secrets that they do not need."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from orchestrator.cluster import private_folder
from orchestrator.cluster.private_folder import PrivateFolder
from orchestrator.cluster.ray_environment import driver_environment, put_service_first, secrets_of, workers_environment

TOKEN = Path("/home/me/ray-token")
SECRETS = {
    "ISOFLOP_TOKEN": "t",
    "ISOFLOP_DATABASE_URL": "sqlite:///x",
    "ISOFLOP_URL": "http://127.0.0.1:1",
    "PGPASSWORD": "p",
    "PGPASSFILE": "/home/me/.pgpass",
    "RAY_AUTH_TOKEN": "r",
    "WANDB_API_KEY": "k",
    "HF_TOKEN": "h",
    "AWS_SECRET_ACCESS_KEY": "a",
    "AZURE_STORAGE_KEY": "z",
    "openai_api_key": "o",
    "MY_PASSWORD": "m",
    "DB_PASS": "d",
    "GOOGLE_APPLICATION_CREDENTIALS": "/key.json",
    "OTHER": "postgresql://me:secret@host/x",
    "https_proxy": "http://me:secret@proxy:8080",
}
PLAIN = {
    "PATH": "/bin",
    "HOME": "/home/me",
    "ISOFLOP_HOME": "/home/me/runs",
    "RAY_AUTH_TOKEN_PATH": "/home/me/ray-token",
    "TOKENIZERS_PARALLELISM": "false",
    "WANDB_BASE_URL": "https://wandb.example:8080/",
    "CXX": "g++",
    "KEYBOARD": "us",
    "PWD": "/",
    "SSH_AUTH_SOCK": "/run/agent",
    "SOME_TIME": "http://host/a:b@c",
}


def test_a_ray_of_our_own_wants_our_token_and_listens_on_loopback() -> None:
    made = driver_environment({"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN_PATH": "/x"}, "local", TOKEN)
    assert made["RAY_AUTH_MODE"] == "token" and made["RAY_AUTH_TOKEN_PATH"] == str(TOKEN)
    assert made["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    assert made["RAY_USAGE_STATS_ENABLED"] == "0"
    assert made["RAY_worker_niceness"] == "0"


@pytest.mark.parametrize(("environ", "niceness"), [({}, "10"), ({"RAY_worker_niceness": "0"}, "0")])
def test_workers_make_way_for_a_service_unless_the_user_says_otherwise(environ: dict[str, str], niceness: str) -> None:
    made = dict(environ)
    put_service_first(made)
    assert driver_environment(made, "local", TOKEN)["RAY_worker_niceness"] == niceness


def test_another_ray_is_joined_with_a_token_unless_the_user_says_otherwise() -> None:
    made = driver_environment({}, "10.0.0.1:6379", TOKEN)
    assert made["RAY_AUTH_MODE"] == "token"
    assert "RAY_AUTH_TOKEN_PATH" not in made and "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" not in made
    asked = {"RAY_AUTH_MODE": "disabled", "RAY_DEDUP_LOGS": "1", "RAY_worker_niceness": "10"}
    assert driver_environment(asked, "10.0.0.1:6379", TOKEN).items() >= asked.items()


@pytest.mark.parametrize(
    ("environ", "address", "hosts"),
    [
        ({}, "local", "localhost,127.0.0.1,::1"),
        ({}, "10.0.0.1:6379", "localhost,127.0.0.1,::1,10.0.0.1"),
        ({}, "ray://head:10001", "localhost,127.0.0.1,::1,head"),
        ({}, "[fd00::1]:6379", "localhost,127.0.0.1,::1,fd00::1"),
        ({"no_proxy": "a, b", "NO_PROXY": "b,127.0.0.1,"}, "local", "a,b,127.0.0.1,localhost,::1"),
    ],
)
def test_no_proxy_stands_between_us_and_ray(environ: dict[str, str], address: str, hosts: str) -> None:
    made = driver_environment(environ, address, TOKEN)
    assert made["no_proxy"] == made["NO_PROXY"] == hosts


def test_workers_get_no_secret() -> None:
    everything = SECRETS | PLAIN
    assert secrets_of(everything, wandb=False, store=False) == set(SECRETS)
    assert secrets_of(everything, wandb=True, store=False) == set(SECRETS) - {"WANDB_API_KEY", "https_proxy"}
    ours = {"ISOFLOP_TOKEN", "ISOFLOP_DATABASE_URL", "ISOFLOP_URL", "PGPASSWORD", "PGPASSFILE", "RAY_AUTH_TOKEN"}
    assert secrets_of(everything, wandb=True, store=True) == ours, "the driver of a store may need any other"
    assert secrets_of(everything, wandb=False, store=True) == ours | {"WANDB_API_KEY"}


def test_the_environment_is_theirs_only_while_they_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(private_folder, "SOCKET_BYTES", 1000)
    folder = PrivateFolder()
    monkeypatch.setenv("ISOFLOP_TOKEN", "secret")
    monkeypatch.setenv("TMPDIR", "/before")
    monkeypatch.delenv("ISOFLOP_SCRATCH", raising=False)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    before = dict(os.environ)
    with pytest.raises(ZeroDivisionError), workers_environment(folder, Path("/scratch"), frozenset({"ISOFLOP_TOKEN"})):
        assert "ISOFLOP_TOKEN" not in os.environ
        assert os.environ["PYTHONSAFEPATH"] == "1"
        assert os.environ["TMPDIR"] == str(folder.temporary) and os.environ["ISOFLOP_SCRATCH"] == "/scratch"
        _ = 1 / 0
    assert dict(os.environ) == before


def test_a_driver_whose_parent_is_the_init_process_outlives_its_raylet(tmp_path: Path) -> None:
    """Ray ends such a process with its raylet, unless it is told of a living one to watch instead."""
    assert driver_environment({}, "local", tmp_path / "token")["RAY_RAYLET_PID"] == str(os.getpid())
    assert "RAY_RAYLET_PID" not in driver_environment({}, "10.0.0.1:6379", tmp_path / "token")

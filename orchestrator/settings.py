"""The service's settings, read from ISOFLOP_* environment variables."""

from __future__ import annotations

import getpass
import math
import os
import re
import socket
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from analysis.devices import is_device
from analysis.wording import join_words
from model.hardware import cpu_name, gpu_names
from orchestrator.environment import SettingsError, shown, variable
from orchestrator.home import Home

NETWORK_FILE_SYSTEMS = ("nfs", "cifs", "smb", "lustre", "beegfs", "glusterfs", "fuse.sshfs", "ceph")
"""How the names of file systems begin that other machines share."""

MOST_WORKERS = 100_000
"""Largest ISOFLOP_WORKERS."""
MOST_STACKED = 64
"""Largest ISOFLOP_STACKED: a worker has a thread for each of its runs."""
MOST_SHARES = 1_000
"""Largest ISOFLOP_GPU_SHARES."""
PREPARE = ("auto", "local", "ray")
"""Values of ISOFLOP_PREPARE."""
YES_OR_NO = {"yes": True, "no": False}
"""Values of ISOFLOP_WARM_UP."""
HEAD_SECONDS = 10.0
"""Silence after which a Ray cluster's head counts as gone, unless ISOFLOP_HEAD_SECONDS sets another."""


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What a user or a sweep may spend in total; None is no ceiling."""

    flops: float | None = None
    """Training FLOPs."""
    seconds: float | None = None
    """Device-seconds."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that environment variables set."""

    database_url: str
    """ISOFLOP_DATABASE_URL: SQLAlchemy URL; empty for the SQLite file of the home."""
    ray_address: str
    """ISOFLOP_RAY_ADDRESS: `local` starts a Ray of our own; anything else is the address of a running one."""
    workers: int | None
    """ISOFLOP_WORKERS: worker processes, at most on a cluster; None takes one per CPU, or per share of a GPU."""
    artifacts_url: str = ""
    """ISOFLOP_ARTIFACTS_URL: fsspec URL of datasets, event logs and checkpoints; empty for the home's own folders."""
    checkpoint_seconds: float | None = None
    """ISOFLOP_CHECKPOINT_SECONDS: training seconds between two checkpoints of a run; None chooses what loses least."""
    gpu_shares: int | None = None
    """ISOFLOP_GPU_SHARES: workers of each GPU, which train as many runs side by side as its memory holds. None takes
    as many as are measured to be the fastest, by shape, on a GPU of this machine, and one on a Ray cluster."""
    stacked: int | None = None
    """ISOFLOP_STACKED: runs of one shape that are trained as one, on every device, 1 for none; by default GPUs stack as
    many as are measured to be faster."""
    head_seconds: float = HEAD_SECONDS
    """ISOFLOP_HEAD_SECONDS: silence of a Ray cluster's head after which the scheduler ends."""
    corpus_folders: tuple[Path, ...] | None = None
    """ISOFLOP_CORPUS_FOLDERS: folders, with a colon between them, in which a service reads corpora that are named over
    the network; None for the current folder on loopback, and none beyond it."""
    prepare: str = "auto"
    """ISOFLOP_PREPARE: who cleans and encodes corpora: `local`, the cores of this machine; `ray`, the nodes of the
    cluster; `auto`, those where there are several that see the files and have processors to spare."""
    warm_up: bool = True
    """ISOFLOP_WARM_UP: whether a service's processes practise on a sweep of their own before anybody asks."""
    user: str = ""
    """ISOFLOP_USER: who owns and pays for what is submitted without an account; the login name by default."""
    user_flops: float | None = None
    """ISOFLOP_USER_FLOPS: ceiling of training FLOPs of each user."""
    user_hours: float | None = None
    """ISOFLOP_USER_HOURS: ceiling of device-hours of each user."""

    @property
    def ceilings(self) -> Ceilings:
        """What each user may spend in total."""
        return Ceilings(self.user_flops, None if self.user_hours is None else self.user_hours * 3600)


def read_settings(home: Home, environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check the settings.

    Raises SettingsError.
    """
    url = variable("ISOFLOP_DATABASE_URL", environ) or ""
    address = variable("ISOFLOP_RAY_ADDRESS", environ) or "local"
    _check_database(url, address, home.root)
    return Settings(
        database_url=url,
        ray_address=address,
        workers=_whole("ISOFLOP_WORKERS", environ, MOST_WORKERS),
        artifacts_url=_artifacts(variable("ISOFLOP_ARTIFACTS_URL", environ) or ""),
        checkpoint_seconds=_number("ISOFLOP_CHECKPOINT_SECONDS", environ),
        stacked=_whole("ISOFLOP_STACKED", environ, MOST_STACKED),
        gpu_shares=_whole("ISOFLOP_GPU_SHARES", environ, MOST_SHARES),
        head_seconds=_number("ISOFLOP_HEAD_SECONDS", environ) or HEAD_SECONDS,
        corpus_folders=_folders("ISOFLOP_CORPUS_FOLDERS", environ),
        prepare=_prepare(variable("ISOFLOP_PREPARE", environ) or "auto", address),
        warm_up=_yes("ISOFLOP_WARM_UP", environ),
        user=variable("ISOFLOP_USER", environ) or _login(),
        user_flops=_number("ISOFLOP_USER_FLOPS", environ),
        user_hours=_number("ISOFLOP_USER_HOURS", environ),
    )


def _prepare(choice: str, address: str) -> str:
    """The checked choice of who prepares corpora."""
    if choice not in PREPARE:
        raise SettingsError(f"ISOFLOP_PREPARE is {shown(choice)}: choose one of {', '.join(PREPARE)}")
    if choice == "ray" and address == "local":
        raise SettingsError("ISOFLOP_PREPARE is ray, but there is no cluster: set ISOFLOP_RAY_ADDRESS, too")
    return choice


def _yes(name: str, environ: Mapping[str, str] | None) -> bool:
    """A variable that must be `yes` or `no`; yes if it is not set."""
    text = variable(name, environ) or "yes"
    if text not in YES_OR_NO:
        raise SettingsError(f"{name} is {shown(text)}: give yes or no")
    return YES_OR_NO[text]


def _artifacts(url: str) -> str:
    """The checked URL of an artifact store; empty for none."""
    if not url:
        return ""
    import fsspec

    scheme = url.partition("://")[0]
    if "://" not in url or scheme not in fsspec.available_protocols():
        raise SettingsError(f"ISOFLOP_ARTIFACTS_URL is {shown(url)}: give a URL such as s3://bucket/folder")
    return url


def _number(name: str, environ: Mapping[str, str] | None) -> float | None:
    """A variable that must be a finite number above 0; None if it is not set."""
    text = variable(name, environ)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise SettingsError(f"{name} is {shown(text)}: give a number above 0")
    return value


def _folders(name: str, environ: Mapping[str, str] | None) -> tuple[Path, ...] | None:
    """A variable that lists folders, resolved; None if it is not set."""
    text = variable(name, environ)
    if text is None:
        return None
    found = []
    for part in text.split(os.pathsep):
        folder = Path(part)
        if not folder.is_absolute() or not folder.is_dir():
            raise SettingsError(
                f"{name} lists {part!r}: give absolute paths of folders, with {os.pathsep!r} between them"
            )
        found.append(folder.resolve())
    return tuple(found)


def _login() -> str:
    """Name of the user who runs this process, or the user id."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in many containers
        return str(os.getuid())


def _whole(name: str, environ: Mapping[str, str] | None, most: int) -> int | None:
    """A variable that must be a whole number from 1 to `most`; None if it is not set."""
    text = variable(name, environ)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise SettingsError(f"{name} is {shown(text)}: give a whole number from 1 to {most}")
    return int(text)


def _check_database(url: str, address: str, folder: Path) -> None:
    """Refuse SQLite where it would be shared by machines or lose data. Raises SettingsError."""
    if url and not url.startswith("sqlite"):
        return
    remedy = "set ISOFLOP_DATABASE_URL=postgresql+psycopg://user@host/name"
    if not _is_this_machine(address):
        raise SettingsError(f"SQLite works on one machine only, and Ray at {address} is on another: {remedy}")
    kind = _file_system(folder)
    if kind.startswith(NETWORK_FILE_SYSTEMS):
        raise SettingsError(f"SQLite loses data on a network file system, and {folder} is on {kind}: {remedy}")


def _is_this_machine(address: str) -> bool:
    """Whether an address of Ray is on this machine."""
    if address in ("local", "auto"):
        return True
    host = address.removeprefix("ray://").rsplit(":", 1)[0]
    if host in ("localhost", "127.0.0.1", "::1", "[::1]", socket.gethostname()):
        return True
    # A cluster that was started on this machine has the address of one of its interfaces.
    return host in {a.address for addresses in psutil.net_if_addrs().values() for a in addresses}


def _file_system(folder: Path) -> str:
    """Type of the file system that holds `folder`; empty if the kernel does not say."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text(errors="replace").splitlines()]
    except OSError:
        return ""
    holding = [(len(point), kind) for point, kind in mounts if folder.is_relative_to(point)]
    return max(holding)[1] if holding else ""


def choose_device(asked: str, address: str = "local") -> str:
    """The torch device, cpu or cuda, for a sweep's `device`: on this machine, or on the Ray at `address`.

    A cluster may have, or get, devices that this machine lacks.

    Raises SettingsError if this machine is to train and has no such device.
    """
    if asked == "cpu":
        return "cpu"
    if asked == "auto":
        return "cuda" if gpu_names() else "cpu"
    if address == "local" and not at_hand(asked):
        raise SettingsError(
            f"the sweep says `device: {asked}`, and this machine has {machine()}: use `device: auto`, "
            f"or plan it for one elsewhere: isoflop plan … --device {'h100' if asked == 'cuda' else asked}"
        )
    return "cuda"


def at_hand(asked: str) -> bool:
    """Whether this machine itself has the device that a sweep asks for."""
    if asked in ("auto", "cpu"):
        return True
    return bool(gpu_names()) if asked == "cuda" else any(is_device(asked, name) for name in gpu_names())


def machine() -> str:
    """What this machine can train on, such as `2 × NVIDIA L4`."""
    counted = Counter(gpu_names())
    named = [f"{count} × {name}" if count > 1 else name for name, count in counted.items()]
    return join_words(named) if named else f"no NVIDIA GPU, only {cpu_name()}"


def worker_count(settings: Settings, device: str, shares: int) -> int:
    """Workers to start: the setting, else one per share of a GPU, else one per CPU that this process may use.

    Raises SettingsError if there is nothing to count: for the GPUs of a cluster, on a machine without any.
    """
    return settings.workers or device_count(settings, device) * (1 if device == "cpu" else shares)


def device_count(settings: Settings, device: str) -> int:
    """Devices that train at a time: GPUs, or CPUs that this process may use, no more than there are workers for.

    Raises SettingsError if there is nothing to count: for the GPUs of a cluster, on a machine without any.
    """
    if device == "cpu":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return settings.workers or cores
    if settings.workers is not None:
        here = len(gpu_names()) if settings.ray_address == "local" else 0
        devices = max(1, settings.workers // (settings.gpu_shares or 1))
        return min(devices, here) if here else devices
    if not gpu_names():
        raise SettingsError(
            "ISOFLOP_WORKERS is not set, and this machine has no GPU to count: set it to the most workers that the "
            "cluster should run, one for each share of a GPU"
        )
    return len(gpu_names())

"""Checks of what a sweep needs on this machine, each by really trying it."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from analysis.wording import plural
from model.config import ModelConfig, TrainConfig
from model.cpu import build
from model.cpu.cache import cache_folder
from model.hardware import kind_name
from model.implementation import choose_implementation
from orchestrator.cluster.private_folder import check_temporary_folder
from orchestrator.cluster.worker import check_modules
from orchestrator.home import Home
from orchestrator.scheduling.driver import AlreadyScheduling, check_free
from orchestrator.settings import choose_device, worker_count
from orchestrator.store.database import check
from orchestrator.use_cases.shares import gpu_shares
from orchestrator.use_cases.workspace import Workspace
from sweeps.recipes.ladder import shape
from sweeps.recipes.recipe import train_config
from sweeps.recipes.registry import get_recipe

FREE_BYTES = 2 * 2**30
"""Free space below which shards, checkpoints and logs of a sweep may not fit."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried."""

    name: str
    """What was tried."""
    ok: bool
    """Whether it works."""
    finding: str
    """What was found: versions, paths and sizes, or what is wrong and what to do."""


def checks(workspace: Workspace) -> Iterator[Check]:
    """Try everything; a check that raises has failed, and the error's message is its finding."""
    tried: list[tuple[str, Callable[[], str]]] = [
        ("python", lambda: sys.version.split()[0]),
        ("packages", _packages),
        ("modules", _modules),
        ("home", lambda: _home(workspace.home)),
        ("disk", lambda: _disk(workspace.home.root)),
        ("trunks", lambda: _trunks(workspace)),
        ("database", lambda: _database(workspace)),
        ("scheduler", lambda: _scheduler(workspace)),
        ("device", lambda: _device(workspace)),
        ("kernels", _kernels),
        ("ray folder", check_temporary_folder),
        ("wandb", lambda: f"{workspace.tracking.mode}: {workspace.tracking.reason}"),
    ]
    for name, attempt in tried:
        try:
            yield Check(name, True, attempt())
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is the finding
            yield Check(name, False, f"{error}")


def _packages() -> str:
    """Versions of the packages that matter most."""
    names = ("torch", "ray", "wandb", "hydra-core", "scipy", "pandas")
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


def _modules() -> str:
    """Where isoflop's packages are imported from. Raises ForeignModule if a file of the user hides one of them."""
    root = Path(__file__).resolve().parents[2]
    check_modules(str(root))
    return f"imported from {root}"


def _home(home: Home) -> str:
    """Where the home is, and whether it may be changed: that it may only be read is a finding, not a failure."""
    state = f"{home.root} ({home.reason})"
    if not home.root.exists():
        state += ", not made yet"
    return state if home.writable else f"{state}; you may only read it: nothing can be trained there"


def _database(workspace: Workspace) -> str:
    """The database, every page of it checked. Raises Damaged."""
    store = workspace.store
    if store.file is not None and store.file.exists():
        check(store.file, thorough=True)
    return f"{len(store.sweeps())} sweeps in {store.name}"


def _disk(folder: Path) -> str:
    """Free space of the home's disk. Raises OSError if it is little."""
    free = shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
    if free < FREE_BYTES:
        raise OSError(f"only {free / 2**30:.1f} GiB free in {folder}; free some, or set ISOFLOP_HOME")
    return f"{free / 2**30:.0f} GiB free"


def _trunks(workspace: Workspace) -> str:
    """Space that kept states of trunks take."""
    states = workspace.artifacts.states()
    size = sum(sum(sizes.values()) for sizes in states.values())
    return f"states of {plural(len(states), 'trunk')} take {size / 1e6:.3g} MB" if states else "no states are kept"


def _scheduler(workspace: Workspace) -> str:
    """Who schedules the runs of this home."""
    try:
        check_free(workspace.home.lock)
    except AlreadyScheduling as error:
        return str(error)
    return "none is running"


def _device(workspace: Workspace) -> str:
    """The device that `device: auto` takes, and the workers that it gets."""
    device = choose_device("auto")
    workers = worker_count(workspace.settings, device, gpu_shares(workspace, device))
    return f"{kind_name(device)}, {plural(workers, 'worker')}"


def _kernels() -> str:
    """The compiler, whether it builds the native kernels, and what computes a small run by default.

    Without a compiler runs are slower, not wrong: that is a finding, not a failure.
    """
    try:
        build.library()
        builder = build.compiler() or "a compiler that no longer exists"
        state = f"native kernels built by {builder} in {cache_folder()}"
    except build.NativeError as error:
        state = f"no native kernels, so small models train slower on the CPU: {error}"
    model, train = _small_run()
    chosen = choose_implementation(model, train, choose_device("auto"))
    default = f"{chosen.branches} branches, {chosen.attention} attention" + ", compiled" * chosen.compiled
    return f"{state}; a small fp32 run starts from {default}"


def _small_run() -> tuple[ModelConfig, TrainConfig]:
    """A run like the demo's, to find out how it would be computed."""
    recipe = get_recipe("cpu-small")
    model = shape(recipe, 5e4, vocab=1024, context=128)
    return model, train_config(recipe, model, sequences=10_000)

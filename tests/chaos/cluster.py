"""A real Ray cluster of a head and two nodes on this machine, each node with a state folder of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
from ray.cluster_utils import Cluster

from tests.conftest import ROOT

CLOCK = Path(__file__).parent / "clock"
QUIET = {"object_store_memory": 100 * 2**20}
END_SECONDS = 60
NODE_DISK = "64m"
"""Size of a node's state folder."""


class Nodes:
    """The cluster; its processes are found by a mark in their environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = folder / "clock"
        self._number = 0
        self._cluster: Any = None
        self._nodes: dict[str, Any] = {}

    @property
    def mark(self) -> dict[str, str]:
        """Environment of every process of this cluster."""
        return {
            "CHAOS": str(self.folder),
            "CHAOS_CLOCK": str(self.clock),
            "PYTHONPATH": os.pathsep.join((str(CLOCK), str(ROOT))),  # the checkout that is tested, wherever it is
            "RAY_AUTH_MODE": "disabled",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",
        }

    @property
    def address(self) -> str:
        """Where drivers connect."""
        return str(self._cluster.address)

    def start(self) -> None:
        """Start head and nodes."""
        os.environ |= self.mark  # Ray's processes take it from ours
        try:
            self._cluster = Cluster(
                initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **QUIET}
            )
        finally:
            for name in self.mark:
                os.environ.pop(name, None)
        for _ in range(2):
            self.add_node()

    def add_node(self) -> str:
        """One more node with one CPU; returns its name."""
        self._number += 1
        name = f"node{self._number}"
        scratch = self.folder / name
        scratch.mkdir(mode=0o700)
        # A small disk of its own, where we may mount one: filling it must not fill this machine's.
        tmpfs = ["mount", "-t", "tmpfs", "-o", f"size={NODE_DISK},mode=700", "isoflop-chaos", str(scratch)]
        subprocess.run(tmpfs, capture_output=True, check=False)
        environment = self.mark | {"ISOFLOP_SCRATCH": str(scratch), "ISOFLOP_HOME": str(scratch)}
        self._nodes[name] = self._cluster.add_node(num_cpus=1, env_vars=environment, **QUIET)
        return name

    def node_of(self, pid: int) -> str:
        """Name of the node on which a worker runs."""
        scratch = psutil.Process(pid).environ()["ISOFLOP_SCRATCH"]
        return Path(scratch).name

    def kill_raylet(self, name: str) -> int:
        """SIGKILL the raylet of a node; returns its process id."""
        process = self._nodes.pop(name).all_processes["raylet"][0].process
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return int(process.pid)

    def kill_head(self) -> int:
        """SIGKILL all processes of the head; returns the id of its control server."""
        processes = [p.process for kind in self._cluster.head_node.all_processes.values() for p in kind]
        server = self._cluster.head_node.all_processes["gcs_server"][0].process.pid
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.wait()
        return int(server)

    def stop(self) -> None:
        """End everything."""
        with contextlib.suppress(Exception):  # with a killed head Ray's own way down may fail
            self._cluster.shutdown()
        self._nodes = {}
        end(self.processes())
        for scratch in self.folder.glob("node*"):
            subprocess.run(["umount", str(scratch)], capture_output=True, check=False)
            shutil.rmtree(scratch, ignore_errors=True)

    def processes(self, *names: str) -> list[psutil.Process]:
        """Living processes of this cluster and its drivers; only those whose command begins so, where names are given."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("CHAOS") != str(self.folder) or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if process.pid != os.getpid() and (not names or " ".join(process.cmdline()).startswith(names)):
                    found.append(process)
        return found


def end(processes: list[psutil.Process]) -> None:
    """SIGKILL, and wait."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=END_SECONDS)


def wait_for(condition: Any, seconds: float, what: str) -> Any:
    """Look again and again until the condition gives something. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.05)
    return found

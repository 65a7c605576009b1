"""A real Ray cluster with a real autoscaler, whose nodes are real raylets on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil

from tests.chaos.cluster import QUIET, Nodes

NODE_ID = "RAY_CLOUD_INSTANCE_ID"
"""In the environment of every process of a node that the autoscaler added."""
MOST_NODES = 2
IDLE_MINUTES = 0.1
"""Time without anything placed on it after which the autoscaler takes a node away."""

# What the autoscaler demands of a configuration even where it installs nothing.
MAPS = ("file_mounts", "docker")
LISTS = (
    "cluster_synced_files",
    "initialization_commands",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
)


class Autoscaled(Nodes):
    """A head without CPUs, and from none to two nodes of one CPU each, as Ray's autoscaler decides.

    Ray's own `AutoscalingCluster` begins and ends with `ray stop`, which would end every other Ray of the machine.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with socket.socket() as free:
            free.bind(("", 0))
            self._port = free.getsockname()[1]

    @property
    def scratch(self) -> Path:
        """The nodes' own state; the provider gives them one environment, so that they share the folder."""
        return self.folder / "scratch"

    @property
    def address(self) -> str:
        """Where drivers connect."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start the head with its autoscaler; there are no nodes yet."""
        node = {"node_config": {}, "resources": {"CPU": 1, **QUIET}, "min_workers": 0, "max_workers": MOST_NODES}
        config = {
            "cluster_name": "isoflop-test",
            "max_workers": MOST_NODES,
            "idle_timeout_minutes": IDLE_MINUTES,
            "upscaling_speed": 1.0,
            "auth": {},
            **{key: {} for key in MAPS},
            **{key: [] for key in LISTS},
            "provider": {
                "type": "fake_multinode",
                "gcs_address": self.address,
                "use_node_id_as_ip": True,
                "disable_node_updaters": True,
                "disable_launch_config_check": True,
            },
            "head_node_type": "ray.head.default",
            "available_node_types": {
                "ray.head.default": {"node_config": {}, "resources": {}, "max_workers": 0},
                "node": node,
            },
        }
        (self.folder / "autoscaler.json").write_text(json.dumps(config))
        command = ["start", "--head", "--node-ip-address=127.0.0.1", f"--port={self._port}", "--num-cpus=0"]
        command += ["--include-dashboard=false", f"--autoscaling-config={self.folder / 'autoscaler.json'}"]
        command += [f"--{name.replace('_', '-')}={value}" for name, value in QUIET.items()]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("ISOFLOP_", "WANDB_", "RAY_"))}
        environment |= self.mark | {
            "RAY_FAKE_CLUSTER": "1",
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",
            "ISOFLOP_SCRATCH": str(self.scratch),
            "ISOFLOP_HOME": str(self.scratch),
        }
        ray = str(Path(sys.executable).with_name("ray"))
        subprocess.run([ray, *command], env=environment, capture_output=True, check=True, timeout=120)

    def raylets(self) -> dict[str, psutil.Process]:
        """The raylet of each node that the autoscaler added, by the node's id."""
        found = {}
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if process.name() == "raylet" and (name := process.environ().get(NODE_ID)):
                    found[name] = process
        return found

    def node_of(self, pid: int) -> str:
        """Id of the node on which a worker runs."""
        return psutil.Process(pid).environ()[NODE_ID]

"""Machines in network namespaces, joined by a bridge: each has its own addresses, loopback and folder.

The test process is a machine, too, at the bridge: it has the database and the artifact store.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.chaos.cluster import END_SECONDS

RAY = str(Path(sys.executable).with_name("ray"))
NEEDED = ("ip", "mount")
COVER = 'for folder in $COVERED; do mount -t tmpfs covered "$folder" || exit 1; done; exec "$@"'
"""Shell that hides the other machines' folders from a command; `ip netns exec` gives it mounts of its own."""


@dataclass
class Machine:
    """One network namespace."""

    name: str
    """Of the namespace."""
    address: str
    folder: Path
    """What only this machine sees."""
    others: list[Path] = field(default_factory=list)
    """Folders of the other machines."""

    def start(self, command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start a command on this machine; its process id is the command's own."""
        covered = {"COVERED": " ".join(map(str, self.others)), "HOME": str(self.folder), "TMPDIR": str(self.folder)}
        with log.open("ab") as file:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.name, "sh", "-c", COVER, "sh", *command],
                env=environment | covered,
                cwd=self.folder,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def processes(self) -> list[psutil.Process]:
        """All that runs on it."""
        found = []
        for pid in _ip("netns", "pids", self.name).split():
            with contextlib.suppress(psutil.Error):
                found.append(psutil.Process(int(pid)))
        return found

    def power_off(self) -> None:
        """SIGKILL all that runs on it, and lose what its folder holds."""
        while processes := [p for p in self.processes() if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]:
            for process in processes:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(signal.SIGKILL)
            psutil.wait_procs(processes, timeout=END_SECONDS / 20)
        shutil.rmtree(self.folder)
        self.folder.mkdir()


@contextlib.contextmanager
def joined(folder: Path, *names: str) -> Iterator[tuple[str, list[Machine]]]:
    """The bridge's address, and one machine for each name; skips the test where they cannot be made.

    At the end all that runs on them is ended by its id, and namespaces and bridge are gone.
    """
    if os.getuid() != 0:
        pytest.skip("network namespaces need root")
    if missing := [tool for tool in NEEDED if shutil.which(tool) is None]:
        pytest.skip(f"network namespaces need {', '.join(missing)} (Debian: apt-get install iproute2 mount)")
    mark = uuid.uuid4().hex[:6]
    bridge, network = f"iso{mark}", f"10.{int(mark[:2], 16)}.{int(mark[2:4], 16)}"
    machines: list[Machine] = []
    try:
        try:
            _ip("link", "add", bridge, "type", "bridge")
            _ip("addr", "add", f"{network}.1/24", "dev", bridge)
            _ip("link", "set", bridge, "up")
            for number, name in enumerate(names):
                machine = Machine(f"{bridge}-{name}", f"{network}.{number + 2}", folder / name)
                machines.append(machine)
                _plug_in(machine, bridge, f"v{number}{mark}", network)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {' '.join(error.cmd)}: {error.stderr.strip()}")
        for machine in machines:
            machine.folder.mkdir()
            machine.others = [m.folder for m in machines if m is not machine]
        _expect_reachable(machines[-1], machines[0])
        yield f"{network}.1", machines
    finally:
        for machine in machines:
            with contextlib.suppress(subprocess.CalledProcessError):
                machine.power_off()
            subprocess.run(["ip", "netns", "del", machine.name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", bridge], capture_output=True, check=False)


def _plug_in(machine: Machine, bridge: str, cable: str, network: str) -> None:
    """Make a namespace and join it to the bridge by a pair of virtual devices."""
    _ip("netns", "add", machine.name)
    _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", machine.name)
    _ip("link", "set", cable, "master", bridge, "up")
    _ip("-n", machine.name, "addr", "add", f"{machine.address}/24", "dev", "eth0")
    _ip("-n", machine.name, "link", "set", "eth0", "up")
    _ip("-n", machine.name, "link", "set", "lo", "up")
    _ip("-n", machine.name, "route", "add", "default", "via", f"{network}.1")


def _expect_reachable(one: Machine, other: Machine) -> None:
    """Skip where a firewall of this machine drops what crosses a bridge: only an answer, if a refusal, will do."""
    program = f"import socket; s = socket.socket(); s.settimeout(5); print(s.connect_ex(('{other.address}', 9)))"
    command = ["ip", "netns", "exec", one.name, sys.executable, "-c", program]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout.strip()
    if answer != "111":  # connection refused
        pytest.skip(f"packets between network namespaces are dropped here (connecting gave {answer})")


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True, timeout=60).stdout


@contextlib.contextmanager
def file_server(address: str, folder: Path) -> Iterator[str]:
    """An FTP server of the test process: fsspec's URL of `folder`. Skips where PyPI's pyftpdlib is not installed."""
    pytest.importorskip("pyftpdlib", reason="PyPI's pyftpdlib is not installed")
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import ThreadedFTPServer

    authorizer = DummyAuthorizer()
    authorizer.add_user("isoflop", "isoflop", str(folder), perm="elradfmwMT")
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer, "timeout": 3600})
    server = ThreadedFTPServer((address, 0), handler)
    thread = threading.Thread(target=lambda: server.serve_forever(timeout=0.2, handle_exit=False), daemon=True)
    thread.start()
    try:
        yield f"ftp://isoflop:isoflop@{address}:{server.address[1]}"
    finally:
        server.close_all()
        thread.join(10)


@contextlib.contextmanager
def forwarded(address: str, path: str) -> Iterator[int]:
    """A TCP port at `address` that leads to a Unix socket: PyPI's pgserver listens nowhere else."""
    listener = socket.create_server((address, 0))

    def copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(2**16):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(path)
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=copy, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()

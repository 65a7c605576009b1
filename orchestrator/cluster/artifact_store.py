"""Where datasets, event logs and checkpoints lie: a folder used in place, or any fsspec URL through a local copy."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from orchestrator.cluster.attempt_log import EventLog, attempt_log, parse_events, read_events

if TYPE_CHECKING:
    from model.checkpoint import Checkpoints
    from model.trunk import Trunk

UPLOAD_SECONDS = 10.0
"""Longest time that ordinary events of a remote log wait for their upload."""
URGENT = ("attempt", "checkpoint", "result", "end")
"""Kinds of event that are uploaded at once."""
MANIFEST = "manifest.json"
WEIGHTS = "final.ckpt"
TRUNKS = "trunks"
"""Folder of the states that runs share, one folder a trunk."""
Choice = TypeVar("Choice")


States = dict[str, dict[str, int]]
"""Kept states: by trunk, then bytes by name (see model.config.state_name)."""


class AttemptLog(Protocol):
    """Takes an attempt's events."""

    def append(self, event: dict[str, Any]) -> None:
        """Write one event durably."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


def scratch_folder(environ: Mapping[str, str] | None = None) -> Path:
    """This machine's own folder for copies: ISOFLOP_SCRATCH, else one in the temporary folder."""
    named = (os.environ if environ is None else environ).get("ISOFLOP_SCRATCH")
    return Path(named) if named else Path(tempfile.gettempdir()) / f"isoflop-scratch-{os.getuid()}"


def open_artifacts(url: str, scratch: Path | None = None) -> Places:
    """The artifacts below a path or an fsspec URL such as s3://bucket/folder or file:///shared/folder."""
    if "://" in url:
        return RemoteArtifacts(url, scratch or scratch_folder())
    return Artifacts(Path(url))


class Artifacts:
    """A local folder: `artifacts` has the datasets, `runs` a folder a run."""

    def __init__(self, root: Path) -> None:
        self.url = str(root)
        self._root = root

    @property
    def scratch(self) -> Path | None:
        """Folder of copies; None where files are used in place."""
        return None

    def dataset(self, name: str) -> Path:
        """Local folder of a dataset's shards."""
        return self._root / "artifacts" / name

    def publish(self, folder: Path) -> None:
        """Make a dataset available to all workers."""

    def log(self, run_id: str, number: int) -> AttemptLog:
        """The log of an attempt, to write."""
        return EventLog(attempt_log(self._root / "runs", run_id, number))

    def events(self, run_id: str, number: int) -> list[dict[str, Any]]:
        """All whole events of an attempt."""
        return read_events(attempt_log(self._root / "runs", run_id, number))

    def checkpoints(self, run_id: str, name: str) -> Checkpoints:
        """A run's checkpoints."""
        from model.checkpoint import Checkpoints

        return Checkpoints(self._root / "runs" / run_id / name)

    def trunk(self, name: str, points: tuple[int, ...]) -> Trunk:
        """The states of a trunk, to go on from and to keep at `points`."""
        from model.trunk import Trunk

        return Trunk(self._root / TRUNKS / name, points)

    def states(self, trunk: str = "*") -> States:
        """The kept states of one trunk or of all."""
        found: States = {}
        for path in (self._root / TRUNKS).glob(f"{trunk}/*.ckpt"):
            with contextlib.suppress(FileNotFoundError):  # collected meanwhile
                found.setdefault(path.parent.name, {})[path.name] = path.stat().st_size
        return found

    def drop_states(self, trunk: str, names: Iterable[str]) -> None:
        """Delete states of a trunk."""
        folder = self._root / TRUNKS / trunk
        for name in names:
            (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others are left in it
            folder.rmdir()

    def trained(self, run_id: str, name: str) -> Path:
        """Local folder of a finished run's weights."""
        return self._root / "runs" / run_id / name

    def choice(self, choose: Callable[[Path], Choice]) -> Choice:
        """What this machine chose for a run, made in its folder of choices."""
        return choose(self._root / "implementations")

    def free_bytes(self) -> int | None:
        """Space left; None where nobody knows."""
        return shutil.disk_usage(self._root).free


class RemoteArtifacts:
    """The same below an fsspec URL; what is read is copied to `scratch`, what is written is written there first."""

    def __init__(self, url: str, scratch: Path) -> None:
        import fsspec

        self.url = url.rstrip("/")
        self.scratch = scratch
        self._fs, self._root = fsspec.core.url_to_fs(self.url)

    def dataset(self, name: str) -> Path:
        """Local copy of a dataset's shards, fetched once a machine."""
        local = self.scratch / "artifacts" / name
        if not local.exists():
            local.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=local.parent, prefix="fetch-") as folder:
                self._fs.get(f"{self._root}/artifacts/{name}/", f"{folder}/copy/", recursive=True)
                with contextlib.suppress(OSError):  # another worker of this machine was faster
                    (Path(folder) / "copy").rename(local)
        return local

    def publish(self, folder: Path) -> None:
        """Upload a dataset once; its manifest goes last and tells that the rest is there."""
        remote = f"{self._root}/artifacts/{folder.name}"
        if self._fs.exists(f"{remote}/{MANIFEST}"):
            return
        self._fs.makedirs(remote, exist_ok=True)
        files = sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.name == MANIFEST)
        for path in files:
            target = f"{remote}/{path.relative_to(folder).as_posix()}"
            self._fs.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._fs.put_file(str(path), target)

    def log(self, run_id: str, number: int) -> AttemptLog:
        """The log of an attempt, to write: a local file whose new lines are uploaded in segments."""
        local = attempt_log(self.scratch / "runs", run_id, number)
        return _SegmentedLog(EventLog(local), local, self._fs, self._segments(run_id, number))

    def events(self, run_id: str, number: int) -> list[dict[str, Any]]:
        """All whole events of an attempt that were uploaded."""
        folder = self._segments(run_id, number)
        self._fs.invalidate_cache()
        try:
            # By their facts: of names alone some file systems, FTP's for one, leave out the folder.
            names = sorted(facts["name"] for facts in self._fs.ls(folder, detail=True))
        except FileNotFoundError:
            return []
        return parse_events(b"".join(self._fs.cat_file(name) for name in names))

    def _segments(self, run_id: str, number: int) -> str:
        return f"{self._root}/runs/{run_id}/attempt-{number:04d}"

    def checkpoints(self, run_id: str, name: str) -> Checkpoints:
        """A run's checkpoints: saved locally and uploaded; the newest good one of both places is loaded."""
        from orchestrator.cluster.remote_checkpoints import RemoteCheckpoints

        return RemoteCheckpoints(self.scratch / "runs" / run_id / name, self._fs, f"{self._root}/runs/{run_id}/{name}")

    def trunk(self, name: str, points: tuple[int, ...]) -> Trunk:
        """The states of a trunk, to go on from and to keep at `points`."""
        from orchestrator.cluster.remote_checkpoints import RemoteTrunk

        return RemoteTrunk(self.scratch / TRUNKS / name, points, self._fs, f"{self._root}/{TRUNKS}/{name}")

    def states(self, trunk: str = "") -> States:
        """The kept states of one trunk or of all."""
        self._fs.invalidate_cache()
        found: States = {}
        for path, facts in self._fs.find(f"{self._root}/{TRUNKS}/{trunk}", detail=True).items():
            *_, folder, name = path.split("/")
            if name.endswith(".ckpt"):
                found.setdefault(folder, {})[name] = facts["size"]
        return found

    def drop_states(self, trunk: str, names: Iterable[str]) -> None:
        """Delete states of a trunk."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm_file(f"{self._root}/{TRUNKS}/{trunk}/{name}")

    def trained(self, run_id: str, name: str) -> Path:
        """Local folder of a finished run's weights, fetched; empty where there are none."""
        local = self.scratch / "runs" / run_id / name
        local.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self._fs.get_file(f"{self._root}/runs/{run_id}/{name}/{WEIGHTS}", str(local / WEIGHTS))
        return local

    def choice(self, choose: Callable[[Path], Choice]) -> Choice:
        """What machines of this kind chose for a run; the first choice that is stored holds for all of them."""
        folder, remote = self.scratch / "implementations", f"{self._root}/implementations"
        folder.mkdir(parents=True, exist_ok=True)
        self._fs.makedirs(remote, exist_ok=True)
        known = self._fetch_choices(remote, folder)
        choose(folder)
        for path in folder.glob("*.json"):
            if path.name not in known:
                self._fs.put_file(str(path), f"{remote}/{path.name}")
        self._fetch_choices(remote, folder)
        return choose(folder)

    def _fetch_choices(self, remote: str, folder: Path) -> set[str]:
        self._fs.invalidate_cache()
        names = {path.rpartition("/")[2] for path in self._fs.ls(remote, detail=False) if path.endswith(".json")}
        for name in names:
            self._fs.get_file(f"{remote}/{name}", str(folder / f"{name}.{os.getpid()}"))
            (folder / f"{name}.{os.getpid()}").replace(folder / name)
        return names

    def free_bytes(self) -> int | None:
        """Unknown."""
        return None


class _SegmentedLog:
    """An event log whose lines are also uploaded, some at a time: object stores cannot append."""

    def __init__(self, log: EventLog, path: Path, fs: Any, folder: str) -> None:
        self._log, self._path, self._fs, self._folder = log, path, fs, folder
        self._offset = path.stat().st_size
        self._number = 0
        self._uploaded = time.monotonic()
        fs.makedirs(folder, exist_ok=True)

    def append(self, event: dict[str, Any]) -> None:
        """Write one event durably."""
        self._log.append(event)
        if event.get("kind") in URGENT or time.monotonic() - self._uploaded > UPLOAD_SECONDS:
            self._upload()

    def close(self) -> None:
        """Upload what is left."""
        self._upload()
        self._log.close()

    def _upload(self) -> None:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            lines = file.read()
        if lines:
            self._fs.pipe_file(f"{self._folder}/{self._number:06d}.jsonl", lines)
            self._offset += len(lines)
            self._number += 1
        self._uploaded = time.monotonic()


Places = Artifacts | RemoteArtifacts
"""Either kind."""

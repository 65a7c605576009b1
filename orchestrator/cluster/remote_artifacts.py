"""The artifact store at an fsspec URL, such as an object store: files are read and written through local copies."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.cluster.artifact_layout import (
    DATASETS,
    IMPLEMENTATIONS,
    MANIFEST,
    RUNS,
    TRUNKS,
    WEIGHTS,
    KeptStates,
)
from orchestrator.cluster.attempt_log import AttemptLog, Event, EventLog, attempt_log, parse_events
from orchestrator.cluster.patient_files import PatientFiles
from orchestrator.errors import ArtifactsAway
from tokenizer.private import make_private
from tokenizer.shards import ShardError, open_shards

if TYPE_CHECKING:
    from model.checkpoint import Checkpoints
    from model.trunk import Trunk

UPLOAD_SECONDS = 10.0
"""Longest time for which ordinary events of a log wait for their upload."""
URGENT = ("attempt", "checkpoint", "result", "end")
"""Kinds of event that are uploaded at once."""
Choice = TypeVar("Choice")


class RemoteArtifacts:
    """An artifact store at an fsspec URL: files are copied to `scratch` to be read, and written there first."""

    def __init__(self, url: str, scratch: Path) -> None:
        """The store at `url`, with local copies below `scratch`."""
        import fsspec

        self.url = url.rstrip("/")
        self.scratch = scratch
        files, self._root = fsspec.core.url_to_fs(self.url)
        self._fs: Any = PatientFiles(files)

    def dataset(self, name: str) -> Path:
        """Local folder of a dataset's shards, fetched once by each machine; a copy that is damaged, a second time."""
        local = self.scratch / DATASETS / name
        if not _is_dataset(local):
            make_private(local.parent)
            with tempfile.TemporaryDirectory(dir=local.parent, prefix="fetch-") as folder:
                self._fs.get(f"{self._root}/{DATASETS}/{name}/", f"{folder}/copy/", recursive=True)
                with contextlib.suppress(FileNotFoundError):
                    local.rename(Path(folder) / "damaged")
                with contextlib.suppress(OSError):  # another worker of this machine was faster
                    (Path(folder) / "copy").rename(local)
        return local

    def publish(self, folder: Path) -> None:
        """Upload a dataset once; its manifest goes last, as a sign that the rest is complete."""
        remote = f"{self._root}/{DATASETS}/{folder.name}"
        if self._fs.exists(f"{remote}/{MANIFEST}"):
            return
        self._fs.makedirs(remote, exist_ok=True)
        files = sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.name == MANIFEST)
        for path in files:
            target = f"{remote}/{path.relative_to(folder).as_posix()}"
            self._fs.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._fs.put_file(str(path), target)

    def log(self, run_id: str, number: int) -> AttemptLog:
        """Open the log of an attempt for writing: a local file whose new lines are uploaded in segments.

        Segments that are there already are set aside: a restored database knows nothing of their attempt.
        """
        local, folder = attempt_log(self.scratch / RUNS, run_id, number), self._segments(run_id, number)
        self._fs.invalidate_cache()
        if self._fs.exists(folder) and self._fs.ls(folder, detail=False):
            self._fs.mv(folder, f"{folder}.replaced-{time.time_ns()}", recursive=True)
        return _SegmentedLog(EventLog(local), local, self._fs, folder)

    def events(self, run_id: str, number: int) -> list[Event]:
        """All complete events of an attempt that were uploaded."""
        folder = self._segments(run_id, number)
        self._fs.invalidate_cache()
        try:
            # With details: without them some file systems, such as FTP's, return names without their folder.
            names = sorted(details["name"] for details in self._fs.ls(folder, detail=True))
        except FileNotFoundError:
            return []
        return parse_events(b"".join(self._fs.cat_file(name) for name in names), folder)

    def _segments(self, run_id: str, number: int) -> str:
        """Remote folder of an attempt's log."""
        return f"{self._root}/{RUNS}/{run_id}/attempt-{number:04d}"

    def checkpoints(self, run_id: str, name: str) -> Checkpoints:
        """The checkpoints of a run, in its folder `name`: saved locally and uploaded; the newest good one is loaded."""
        from orchestrator.cluster.remote_checkpoints import RemoteCheckpoints

        return RemoteCheckpoints(self.scratch / RUNS / run_id / name, self._fs, f"{self._root}/{RUNS}/{run_id}/{name}")

    def trunk(self, name: str, points: tuple[int, ...]) -> Trunk:
        """The states of a trunk, to start from and to keep at `points`."""
        from orchestrator.cluster.remote_checkpoints import RemoteTrunk

        return RemoteTrunk(self.scratch / TRUNKS / name, points, self._fs, f"{self._root}/{TRUNKS}/{name}")

    def states(self, trunk: str = "") -> KeptStates:
        """The kept states of one trunk or of all."""
        self._fs.invalidate_cache()
        found: KeptStates = {}
        for path, details in self._fs.find(f"{self._root}/{TRUNKS}/{trunk}", detail=True).items():
            *_, folder, name = path.split("/")
            if name.endswith(".ckpt"):
                found.setdefault(folder, {})[name] = details["size"]
        return found

    def drop_states(self, trunk: str, names: Iterable[str]) -> None:
        """Delete states of a trunk."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm_file(f"{self._root}/{TRUNKS}/{trunk}/{name}")

    def trained(self, run_id: str, name: str) -> Path:
        """Local folder of a finished run's weights, fetched; empty if there are none."""
        local = self.scratch / RUNS / run_id / name
        local.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self._fs.get_file(f"{self._root}/{RUNS}/{run_id}/{name}/{WEIGHTS}", str(local / WEIGHTS))
        return local

    def choice(self, choose: Callable[[Path], Choice]) -> Choice:
        """What machines of this kind choose for a run; the first choice that is stored is binding for all of them."""
        folder, remote = self.scratch / IMPLEMENTATIONS, f"{self._root}/{IMPLEMENTATIONS}"
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
        """Fetch every stored choice; returns the names of their files."""
        self._fs.invalidate_cache()
        names = {path.rpartition("/")[2] for path in self._fs.ls(remote, detail=False) if path.endswith(".json")}
        for name in names:
            self._fs.get_file(f"{remote}/{name}", str(folder / f"{name}.{os.getpid()}"))
            (folder / f"{name}.{os.getpid()}").replace(folder / name)
        return names

    def free_bytes(self) -> None:
        """None: unknown."""
        return


def _is_dataset(folder: Path) -> bool:
    """Whether a folder holds the dataset of its name, with every file as its manifest says."""
    try:
        return open_shards(folder).manifest.dataset == folder.name
    except ShardError:
        return False


class _SegmentedLog:
    """An event log whose lines are also uploaded, in segments: object stores cannot append."""

    def __init__(self, log: EventLog, path: Path, fs: Any, folder: str) -> None:
        self._log, self._path, self._fs, self._folder = log, path, fs, folder
        self._offset = path.stat().st_size
        self._number = 0
        self._uploaded = time.monotonic()
        fs.makedirs(folder, exist_ok=True)

    def append(self, event: Event) -> None:
        """Write one event durably."""
        self._log.append(event)
        if event.get("kind") in URGENT or time.monotonic() - self._uploaded > UPLOAD_SECONDS:
            self._upload()

    def close(self) -> None:
        """Upload what is left."""
        self._upload()
        self._log.close()

    def _upload(self) -> None:
        """Upload the lines since the last segment as the next one."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            lines = file.read()
        self._uploaded = time.monotonic()
        if lines:
            # What is not uploaded now goes with the next segment. A result is reported all the same.
            with contextlib.suppress(ArtifactsAway):
                self._fs.pipe_file(f"{self._folder}/{self._number:06d}.jsonl", lines)
                self._offset += len(lines)
                self._number += 1

"""Chooses who cleans and encodes a corpus, the cores of this machine or the nodes of a Ray cluster, and asks those."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from orchestrator.cluster.prepare_files import stored_url
from orchestrator.cluster.prepare_task import MARKER
from orchestrator.cluster.ray_data import LOST
from orchestrator.cluster.ray_session import ClusterError
from orchestrator.cluster.ray_words import START_RAY
from orchestrator.settings import Settings
from tokenizer.corpus import pool_for
from tokenizer.private import make_private
from tokenizer.progress import Stage
from tokenizer.stream.answers import result_of
from tokenizer.stream.cleaning import SMALL
from tokenizer.stream.kept import kept
from tokenizer.stream.pool import Executor
from tokenizer.stream.portions import File

DRIVER = Path(__file__).with_name("ray_data.py")
"""What the process runs that hands tasks to Ray."""
END_SECONDS = 10.0
"""Time that it gets to leave the cluster."""


class Preparation:
    """Chooses who prepares the corpora of a workspace."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        """By the settings; `say` hears of the choice."""
        self._settings, self._say = settings, say

    def choose(self, files: Sequence[File], folder: Path) -> Executor:
        """What does the tasks of some files in a folder.

        Raises:
            ClusterError: ISOFLOP_PREPARE is `ray`, and the cluster cannot do it.
        """
        asked, address = self._settings.prepare, self._settings.ray_address
        small = sum(file.bytes for file in files) < SMALL
        if asked == "local" or address == "local" or (asked == "auto" and small):
            return pool_for(files, folder)
        pool = RayPool(folder, address, self._settings.artifacts_url)
        try:
            nodes = pool.join(files, idle=asked == "auto")
        except ClusterError as error:
            pool.__exit__()
            if asked == "ray":
                raise
            self._say(f"corpus: prepared by this machine alone, not by the cluster: {error}")
            return pool_for(files, folder)
        self._say(f"corpus: prepared by {nodes} nodes of the cluster")
        return pool


class RayPool:
    """Does tasks on the nodes of a Ray cluster, which share the folder or an artifact store at a URL.

    A process of its own hands them to Ray: Ray ends a process that loses its head, and a workspace's process may have
    joined Ray already, or be about to.
    """

    def __init__(self, folder: Path, address: str, artifacts: str = "") -> None:
        """Tasks in a folder, on the Ray at an address; `artifacts` is the URL of the store, empty where it has none."""
        self._folder = folder
        self._asked = {"address": address, "folder": str(folder)}
        if artifacts:
            self._asked["url"] = stored_url(artifacts, folder)
        # By path and isolated, as the processes of this machine are.
        command = [sys.executable, "-I", str(DRIVER), json.dumps(sys.path), str(os.getpid())]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> RayPool:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the cluster. What travelled is deleted, unless an error leaves it for the next time."""
        assert self._process.stdin is not None
        if error == (None, None, None) and "url" in self._asked:
            self._ask({})
            with contextlib.suppress(ClusterError):
                self._answer()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        self._process.kill()
        self._process.wait()

    def join(self, files: Sequence[File], *, idle: bool) -> int:
        """Join the cluster and look whether every node sees the folder and the files; returns the number of nodes.

        With `idle` there must be several nodes, with processors that nobody uses.

        Raises:
            ClusterError: why the cluster cannot prepare the corpus.
        """
        make_private(self._folder)
        mark = os.urandom(8).hex()
        marker = self._folder / f"{MARKER}{mark}"
        marker.touch()
        try:
            sources = [[str(file.location), file.bytes] for file in files if isinstance(file.location, Path)]
            self._ask(self._asked | {"mark": mark, "sources": sources, "idle": idle})
            return int(self._answer())
        finally:
            marker.unlink(missing_ok=True)

    def results(self, step: str, tasks: Sequence[str], stage: Stage) -> Iterator[str]:
        """The result of each task, in their order; those of an earlier process are not done again.

        Raises:
            CorpusError: of the first task that failed.
            OSError: the disk is full.
            ClusterError: Ray did not do it.
        """
        known = {task: result for task in tasks if (result := kept(self._folder, step, task)) is not None}
        missing = [task for task in tasks if task not in known]
        if missing:
            self._ask({"step": step, "tasks": missing})
        for number, task in enumerate(tasks):
            yield known[task] if task in known else self._answer(stage, f"{number:,} of {len(tasks):,}")

    def _listen(self) -> None:
        """Pass on the lines of the process, and an empty one at its end."""
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put("")

    def _ask(self, request: dict[str, object]) -> None:
        """Send a request; that the process has ended, its answer will say."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def _answer(self, stage: Stage | None = None, done: str = "") -> str:
        """The result in the next line; the stage says now and then that it is waited for.

        Raises CorpusError, OSError, ClusterError.
        """
        while True:
            try:
                line = self._lines.get(timeout=1)
                break
            except queue.Empty:
                if stage is not None:
                    stage.tick(done)
        if not line:
            code = self._process.wait()
            raise ClusterError(f"the process that hands a corpus to Ray ended (exit code {code}){START_RAY}")
        if lost := json.loads(line).get(LOST):
            raise ClusterError(lost)
        return result_of(line)

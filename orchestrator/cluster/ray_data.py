"""A process that hands the tasks of a preparation to Ray Data: a line of JSON for each step, a line for each task."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from orchestrator.cluster.prepare_task import Place

T = TypeVar("T")

ANSWER_SECONDS = 120.0
"""Time in which every node must say whether it sees the files: it may have to start a process for that."""
LOST = "lost"
"""Key of an answer that says why the cluster does not do it."""
LOCAL = "or set ISOFLOP_PREPARE=local"
"""What helps always."""
ONE_THREAD = {"RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Environment of the processes that do the tasks, one for each processor."""


def serve(asked: IO[str], answers: IO[str]) -> None:
    """Join the cluster that the first line names, then do the step of each line, until the input ends.

    A line without a step says that nothing comes behind it.
    """
    from orchestrator.cluster.ray_session import ClusterError
    from orchestrator.errors import ArtifactsAway

    def say(line: str) -> None:
        answers.write(line + "\n")
        answers.flush()

    place: Place | None = None
    for line in asked:
        request = json.loads(line)
        try:
            if place is None:
                nodes, place = joined(**request)
                say(json.dumps({"result": str(nodes)}))
            elif "step" in request:
                for answer in performed(place, **request):
                    say(answer)
            else:
                finished(place)
                say(json.dumps({"result": ""}))
        except (ClusterError, ArtifactsAway) as error:
            say(json.dumps({LOST: str(error)}))


def joined(
    address: str, folder: str, mark: str, sources: list[tuple[str, int]], *, idle: bool, url: str = ""
) -> tuple[int, Place]:
    """Join the Ray at an address; returns how many nodes will do tasks, and where their files are.

    Args:
        address: of Ray.
        folder: where the tasks' files are.
        mark: which marker lies in it.
        sources: path and bytes of each file of this machine that is read.
        idle: whether there must be several nodes, with two processors that nobody uses.
        url: where the files travel if a node does not see the folder; empty where there is no artifact store at a URL.

    Raises:
        ClusterError: Ray cannot be joined, or why its nodes cannot do it.
        ArtifactsAway: the artifact store does not answer.
    """
    from orchestrator.cluster.prepare_files import StoredFiles, drop_copies
    from orchestrator.cluster.prepare_task import Place
    from orchestrator.cluster.ray_environment import driver_environment
    from orchestrator.cluster.ray_nodes import living_nodes
    from orchestrator.cluster.ray_session import ClusterError, connect

    os.environ |= driver_environment(os.environ, address, Path())
    connect(address, {})
    import ray

    nodes = [node for node in living_nodes() if node["Resources"].get("CPU", 0)]
    if idle and len(nodes) < 2:
        raise ClusterError("the cluster has no second node")
    available: Any = ray.available_resources
    if idle and available().get("CPU", 0) < 2:
        raise ClusterError("the cluster's processors are all in use")
    missing, place = list(_unseen(nodes, folder, mark, sources)), Place(folder)
    if url and any(path == folder for _, path in missing):
        missing, place = list(_unseen(nodes, "", mark, sources)), Place(folder, url)
    for node, path in missing:
        if path == folder:
            remedy = "put ISOFLOP_HOME on a file system that all machines share, or set ISOFLOP_ARTIFACTS_URL"
        else:
            remedy = "name a URL, such as s3://bucket/file, or a file on a file system that all machines share"
        raise ClusterError(f"the node {node} does not see {path} as this machine does: {remedy}, {LOCAL}")
    if place.url:
        _on_each(nodes, partial(drop_copies, url, own=False))
        stored = StoredFiles(url)
        stored.drop_others()
        stored.fetch(Path(folder))
    return len(nodes), place


def _unseen(nodes: list[Any], folder: str, mark: str, sources: list[tuple[str, int]]) -> Iterator[tuple[str, str]]:
    """(address of a node, what it does not see). Raises ClusterError where one does not answer."""
    from orchestrator.cluster.prepare_task import unseen

    found = _on_each(nodes, partial(unseen, folder, mark, sources))
    return ((node["NodeManagerAddress"], path) for node, path in zip(nodes, found, strict=True) if path)


def _on_each(nodes: list[Any], act: Callable[[], T]) -> list[T]:
    """What a function returns on each node. Raises ClusterError where one does not answer."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from orchestrator.cluster.ray_session import ClusterError
    from orchestrator.cluster.ray_words import first_line

    def call(function: Callable[[], T]) -> T:
        return function()

    there: Any = ray.remote(call)
    given = ray.put(act)
    promises = [
        there.options(
            num_cpus=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            runtime_env={"env_vars": _environment()},
        ).remote(given)
        for node in nodes
    ]
    answers: list[T] = []
    for node, promise in zip(nodes, promises, strict=True):
        try:
            answers.append(ray.get(promise, timeout=ANSWER_SECONDS))
        except ray.exceptions.RayError as error:
            raise ClusterError(f"the node {node['NodeManagerAddress']} does not answer: {first_line(error)}") from error
    return answers


def _environment() -> dict[str, str]:
    """Environment of the processes that do the tasks."""
    from orchestrator.cluster.ray_environment import SAFE_PATH

    return ONE_THREAD | SAFE_PATH


def performed(place: Place, step: str, tasks: list[str]) -> Iterator[str]:
    """The answers to the tasks of a step, in their order: each is a block of a dataset, which Ray Data maps.

    Their files are in the folder of this machine when an answer is given. Raises ClusterError where Ray does not do
    one, ArtifactsAway.
    """
    import ray
    import ray.data

    from orchestrator.cluster.prepare_files import StoredFiles
    from orchestrator.cluster.prepare_task import do_batch
    from orchestrator.cluster.ray_session import ClusterError
    from orchestrator.cluster.ray_words import first_line

    context: Any = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    stored = StoredFiles(place.url) if place.url else None
    if stored:
        stored.send_missing(Path(place.folder))
    index = ray.data.from_items([{"task": task} for task in tasks], override_num_blocks=len(tasks))
    mapped = index.map_batches(
        partial(do_batch, place, step), batch_size=1, num_cpus=1, runtime_env={"env_vars": _environment()}
    )
    try:
        for batch in mapped.iter_batches(batch_size=1, prefetch_batches=0, batch_format="numpy"):
            if stored:
                stored.copy(Path(place.folder), json.loads(str(batch["files"][0])))
            yield str(batch["answer"][0])
    except ray.exceptions.RayError as error:
        why = f"Ray did not prepare the corpus: {first_line(error)}"
        raise ClusterError(f"{why}; type this command again, and it goes on where it was, {LOCAL}") from error


def finished(place: Place) -> None:
    """Delete what travelled. Raises ClusterError, ArtifactsAway."""
    from orchestrator.cluster.prepare_files import StoredFiles, drop_copies
    from orchestrator.cluster.ray_nodes import living_nodes

    if place.url:
        StoredFiles(place.url).drop()
        nodes = [node for node in living_nodes() if node["Resources"].get("CPU", 0)]
        _on_each(nodes, partial(drop_copies, place.url, own=True))


if __name__ == "__main__":
    sys.path[:] = json.loads(sys.argv[1])
    from tokenizer.stream.worker import end_with

    threading.Thread(target=end_with, args=(int(sys.argv[2]),), daemon=True).start()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what Ray prints is no answer
    serve(sys.stdin, answers)

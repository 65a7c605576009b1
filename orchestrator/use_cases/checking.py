"""Whether the database contradicts itself or the artifacts: its pages, its rows, datasets and results in logs."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.cluster.attempt_log import logged_outcome
from orchestrator.states import Cause
from orchestrator.store import SweepTotals
from orchestrator.store.contradictions import Contradiction, contradictions
from orchestrator.store.database import check
from orchestrator.use_cases.workspace import Workspace
from tokenizer.shards import ShardError, open_shards


def checked(workspace: Workspace) -> Iterator[Contradiction]:
    """All contradictions. Raises Damaged for a file that is, Unavailable, ArtifactsAway."""
    store = workspace.store
    if store.file is not None and store.file.exists():
        check(store.file, thorough=True)
    yield from contradictions(store)
    for found in store.totals().values():
        yield from _of_dataset(workspace, found)
    yield from _of_results(workspace)


def _of_dataset(workspace: Workspace, found: SweepTotals) -> Iterator[Contradiction]:
    """Whether a sweep that has not ended can read its dataset: every file of it is compared with its hash."""
    sweep = found.sweep
    if found.settled:
        return
    try:
        open_shards(workspace.artifacts.dataset(sweep.dataset))
    except (ShardError, OSError) as error:
        yield Contradiction(
            f"{sweep.name}@{sweep.revision}", f"it is not ended, and its dataset cannot be read: {error}"
        )


def _of_results(workspace: Workspace) -> Iterator[Contradiction]:
    """Whether stored losses are those that the attempts logged; a log that is gone contradicts nothing."""
    seen: set[str] = set()
    for sweep in workspace.store.sweeps():
        losses = {run.id: run.loss for run in workspace.store.runs_of(sweep.id) if run.loss is not None}
        new = [run_id for run_id in losses if run_id not in seen]
        seen.update(new)
        ended = {a.run_id: a.number for a in workspace.store.attempts_of_all(new) if a.cause is Cause.DONE}
        for run_id in new:
            finding = _denied(workspace, run_id, losses[run_id], ended.get(run_id))
            if finding:
                yield Contradiction(run_id, finding)


def _denied(workspace: Workspace, run_id: str, loss: float, attempt: int | None) -> str:
    """What denies a run's loss, given the latest attempt that came to a result; empty if nothing does."""
    if attempt is None:
        return "it has a loss, and no attempt of it came to one"
    logged = logged_outcome(workspace.artifacts.events(run_id, attempt))
    said = loss if logged is None or logged.result is None else float(logged.result["loss"])
    return f"its loss is {loss:.6g}, and attempt {attempt} logged {said:.6g}" if abs(said - loss) > 1e-9 else ""

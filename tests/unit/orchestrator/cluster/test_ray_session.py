"""What the session makes of Ray's answers and errors. Ray itself is tested by tests/integration/test_pool.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import ray

from orchestrator.attempts import Outcome, RunProgress
from orchestrator.cluster import ray_session
from orchestrator.cluster.placement import WorkerLocation
from orchestrator.cluster.ray_session import ClusterError, FailedStart, RaySession, declared_accelerators, why_silent
from orchestrator.states import Cause

LOCATION = WorkerLocation("node", (), "Xeon", None)


@pytest.fixture
def session() -> RaySession:
    return RaySession("local", "/nowhere")


def answering(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """Ray's answer to every `get`: a value, or an exception to raise."""

    def get(_promise: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(ray, "get", get)


def died(text: str, **more: Any) -> Exception:
    return ray.exceptions.RayActorError(error_msg=text, **more)


def test_a_worker_that_is_ready_says_where_it_is(session: RaySession, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, LOCATION)
    assert session.location_of("promise") == LOCATION


@pytest.mark.parametrize(("text", "node_died"), [("its node has died", True), ("killed by SIGKILL", False)])
def test_a_process_that_died_while_it_started_says_whether_with_its_node(
    session: RaySession, monkeypatch: pytest.MonkeyPatch, text: str, node_died: bool
) -> None:
    answering(monkeypatch, died(text))
    assert session.location_of("promise") == FailedStart(text, node_died)


def test_a_worker_that_cannot_import_ends_the_scheduler(session: RaySession, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (
        died("a foreign module", actor_init_failed=True),
        ray.exceptions.RayTaskError("f", "traceback", ValueError("a foreign module")),
    ):
        answering(monkeypatch, error)
        with pytest.raises(ClusterError, match=r"a worker cannot start: (.|\n)*a foreign module"):
            session.location_of("promise")


def test_an_outcome_comes_from_a_live_worker(session: RaySession, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, Outcome(Cause.DIVERGED))
    assert session.outcome_of("promise", 5.0) == (Outcome(Cause.DIVERGED), True)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ray.exceptions.OutOfMemoryError("too much"), Cause.OUT_OF_MEMORY),
        (died("gone"), Cause.LOST),
        (died("spot instance", preempted=True), Cause.PREEMPTED),
        (ray.exceptions.ObjectLostError("o", None, ""), Cause.LOST),
    ],
)
def test_a_worker_that_died_has_an_outcome_too(
    session: RaySession, monkeypatch: pytest.MonkeyPatch, error: Exception, cause: Cause
) -> None:
    answering(monkeypatch, error)
    outcome, alive = session.outcome_of("promise", 5.0)
    assert (outcome.cause, outcome.flops, alive) == (cause, 5.0, False)
    assert outcome.detail


def test_progress_is_none_of_a_worker_that_is_lost(session: RaySession, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, RunProgress(3))
    assert session.progress_of("promise") == RunProgress(3)
    answering(monkeypatch, died("gone"))
    assert session.progress_of("promise") is None


def test_promises_are_waited_for(session: RaySession, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, float]] = []

    def wait(promises: list[str], num_returns: int, timeout: float) -> tuple[list[str], list[str]]:
        calls.append((num_returns, timeout))
        return promises[:1], promises[1:]

    monkeypatch.setattr(ray, "wait", wait)
    assert session.fulfilled([]) == set() and calls == []
    assert session.fulfilled(["a", "b"]) == {"a"}
    session.fulfilled(["a", "b"], 3.0, least=1)
    assert calls == [(2, 0.0), (1, 3.0)]


def test_a_head_is_watched_where_it_is_another_process(session: RaySession) -> None:
    assert session.local and session.watch_head(10.0) is None
    assert not RaySession("10.0.0.1:6379", "").local


def test_accelerators_are_those_of_living_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [
        {"Alive": True, "NodeID": "a", "Resources": {"CPU": 1, "accelerator_type:H100": 1}},
        {"Alive": True, "NodeID": "b", "Resources": {"accelerator_type:A100": 1}},
        {"Alive": False, "NodeID": "c", "Resources": {"accelerator_type:T4": 1}},
    ]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    assert declared_accelerators() == ["A100", "H100"]
    assert declared_accelerators("a") == ["H100"]


def test_silence_is_explained_by_rays_first_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_nodes: list[str], timeout: float) -> None:
        raise ray.exceptions.RpcError("connection refused. Try this and that.")

    def context(check: Any) -> Any:
        return lambda: SimpleNamespace(worker=SimpleNamespace(gcs_client=SimpleNamespace(check_alive=check)))

    monkeypatch.setattr(ray, "get_runtime_context", context(silent))
    assert why_silent() == "connection refused"
    monkeypatch.setattr(ray, "get_runtime_context", context(lambda _nodes, timeout: None))
    assert why_silent() == ""


def test_strangers_that_do_not_end_are_an_error(session: RaySession, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[str] = []
    named = [
        {"name": "mine-3-1", "namespace": "isoflop"},
        {"name": "other-3-1", "namespace": "isoflop"},
        {"name": "mine-3-2", "namespace": "elsewhere"},
    ]
    monkeypatch.setattr(ray.util, "list_named_actors", lambda all_namespaces: named)
    monkeypatch.setattr(ray, "get_actor", lambda name, namespace: name)
    monkeypatch.setattr(ray, "kill", lambda actor: (killed.append(actor), named.pop(0))[0])
    session.claim_names("mine", 4)
    assert killed == ["mine-3-1"]
    named.insert(0, {"name": "mine-3-9", "namespace": "isoflop"})
    monkeypatch.setattr(ray, "kill", killed.append)
    monkeypatch.setattr(ray_session, "STRANGER_SECONDS", -1.0)
    with pytest.raises(ClusterError, match="are still running: mine-3-9"):
        session.claim_names("mine", 4)

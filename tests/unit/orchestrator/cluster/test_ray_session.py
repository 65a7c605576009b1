"""What the session makes of Ray's answers and errors. Ray itself is tested by tests/integration/test_pool.py."""

from __future__ import annotations

import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from orchestrator.attempts import Outcome, RunProgress
from orchestrator.cluster import private_folder, ray_session
from orchestrator.cluster.head_watch import HeadLost
from orchestrator.cluster.placement import Demand, WorkerLocation
from orchestrator.cluster.private_folder import PrivateFolder
from orchestrator.cluster.ray_session import (
    PACKAGE_ROOT,
    ClusterError,
    FailedStart,
    PlacedWorker,
    RaySession,
    why_silent,
)
from orchestrator.cluster.worker import Worker
from orchestrator.states import Cause

LOCATION = WorkerLocation("node", (), "Xeon", None)


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RaySession:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(private_folder, "SOCKET_BYTES", 1000)
    return RaySession("local", PrivateFolder(), tmp_path / "token", frozenset({"A_SECRET"}))


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


def test_a_process_for_which_memory_ran_short_while_it_started_says_so(
    session: RaySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray's own error is no error of the actor: it must not end the driver."""
    answering(monkeypatch, ray.exceptions.OutOfMemoryError("Task was killed: it was 3GB / 3GB"))
    started = session.location_of("promise")
    assert isinstance(started, FailedStart) and started.out_of_memory and not started.node_died
    assert started.reason.endswith("Ray ended the worker: 3GB / 3GB were in use")
    answering(monkeypatch, ray.exceptions.ObjectLostError("o", None, ""))
    started = session.location_of("promise")
    assert isinstance(started, FailedStart) and not started.out_of_memory


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
        (died("gone\nand pages of advice"), Cause.LOST),
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
    assert "\n" not in outcome.detail and outcome.detail.startswith(("the machine's memory", "its worker died: "))


def test_progress_is_none_of_a_worker_that_is_lost(session: RaySession, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, {"run": RunProgress(3)})
    assert session.progress_of("promise") == {"run": RunProgress(3)}
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


@pytest.fixture
def environment() -> Iterator[None]:
    """The environment, put back as it was."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ |= before


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, environment: None) -> list[dict[str, Any]]:
    """What Ray was started with: options, environment, working directory."""
    calls: list[dict[str, Any]] = []

    def init(**options: Any) -> None:
        calls.append({**options, "environ": dict(os.environ), "cwd": str(Path.cwd())})

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray._private.worker, "print_to_stdstream", print)
    return calls


def test_a_ray_of_our_own_starts_where_nobody_else_can_plant_a_module(
    session: RaySession, started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("A_SECRET", "s")
    monkeypatch.chdir(tmp_path)
    session.start(2, None)
    (call,) = started
    assert call["address"] == "local" and call["_temp_dir"] == str(session._folder.ray)
    assert call["cwd"] == PACKAGE_ROOT and Path.cwd() == tmp_path
    environ = call["environ"]
    assert "A_SECRET" not in environ and os.environ["A_SECRET"] == "s"
    assert environ["PYTHONSAFEPATH"] == "1" and environ["TMPDIR"] == str(session._folder.temporary)
    assert environ["RAY_AUTH_MODE"] == "token" and environ["RAY_AUTH_TOKEN_PATH"] == str(tmp_path / "token")
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    ray._private.worker.print_to_stdstream({"lines": ["Raylet is terminated"]}, ignore_prefix=False)
    # nothing is printed: pytest would show it, and our answers are on the same stream


@pytest.mark.parametrize("end", [False, True])
def test_the_signal_handlers_of_this_process_survive_rays(
    session: RaySession, monkeypatch: pytest.MonkeyPatch, environment: None, end: bool
) -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: received.append(number))

    def replace(**_: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    monkeypatch.setattr(ray, "shutdown" if end else "init", replace)
    monkeypatch.setattr(ray._private.worker, "print_to_stdstream", print)
    try:
        session.end() if end else session.start(1, None)
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received == [signal.SIGTERM]


def test_another_ray_is_joined_as_it_is(started: list[dict[str, Any]], session: RaySession, tmp_path: Path) -> None:
    RaySession("10.0.0.1:6379", session._folder, tmp_path / "token").start(2, None)
    (call,) = started
    assert call["address"] == "10.0.0.1:6379" and "_temp_dir" not in call and "num_cpus" not in call
    assert not (tmp_path / "token").exists(), "its secret is not ours to make"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ray.exceptions.AuthenticationError("no token"), "wants a token: name its file in RAY_AUTH_TOKEN_PATH"),
        (ConnectionError("refused"), "cannot be started or reached: refused"),
        (ValueError("odd address"), "cannot be started or reached: odd address"),
    ],
)
def test_a_ray_that_does_not_start_says_why(
    session: RaySession, monkeypatch: pytest.MonkeyPatch, environment: None, error: Exception, words: str
) -> None:
    def init(**_: Any) -> None:
        raise error

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(ClusterError, match=words):
        session.start(1, None)


def test_a_cluster_that_cannot_be_joined_may_have_another_token(
    session: RaySession, monkeypatch: pytest.MonkeyPatch, environment: None, tmp_path: Path
) -> None:
    def init(**_: Any) -> None:
        raise ConnectionError("Failed to connect to Ray cluster at 10.0.0.1:6379")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(ClusterError, match=r"Failed to connect .*; does it run, and with the token of this process"):
        RaySession("10.0.0.1:6379", session._folder, tmp_path).start(1, None)
    with pytest.raises(ClusterError, match=r"10\.0\.0\.1:6379$"):
        session.start(1, None)


def test_a_head_is_watched_and_a_ray_of_our_own_by_its_processes_too(
    session: RaySession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ended: list[str] = []
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(gcs_address="127.0.0.1:1"))
    monkeypatch.setattr(ray_session, "OwnProcesses", lambda: SimpleNamespace(ended=lambda: ended))
    monkeypatch.setattr(ray_session, "why_silent", lambda: "")
    nodes = [{"Alive": False}, {"Alive": True}]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    own, other = session.watch_head(10.0), RaySession("10.0.0.1:6379", session._folder, tmp_path).watch_head(10.0)
    assert session.local and own.answers(now=True) and other.answers(now=True)
    ended.append("raylet")
    with pytest.raises(HeadLost, match="isoflop's own Ray is gone: its process raylet has ended"):
        own.answers(now=True)
    assert other.answers(now=True)
    ended.clear()
    nodes.pop()
    with pytest.raises(HeadLost, match="isoflop's own Ray is gone: its raylet does not answer"):
        own.answers(now=True)
    monkeypatch.setattr(ray_session, "why_silent", lambda: "it is silent")
    assert not session.watch_head(10.0).answers(now=True)
    with pytest.raises(HeadLost, match=r"has not answered for 0 s \(it is silent\)$"):
        session.watch_head(0.0).answers(now=True)
    with pytest.raises(HeadLost, match=r"\(it is silent\): start Ray again, then type this command again$"):
        RaySession("10.0.0.1:6379", session._folder, tmp_path).watch_head(0.0).answers(now=True)


def test_workers_start_with_a_safe_path_and_forget_what_is_not_theirs(
    session: RaySession, monkeypatch: pytest.MonkeyPatch, environment: None
) -> None:
    asked: dict[str, Any] = {}

    class Remote:
        def options(self, **options: Any) -> Any:
            asked.update(options)
            return self

        def remote(self, *arguments: Any) -> Any:
            asked["arguments"] = arguments
            return SimpleNamespace(location=SimpleNamespace(remote=lambda: "promise"))

    monkeypatch.setattr(ray, "remote", lambda _: Remote())
    assert session.new_worker(Demand(1.0, 0.0), "cpu", 3)[1] == "promise"
    assert asked["runtime_env"]["env_vars"]["PYTHONSAFEPATH"] == "1"
    assert asked["arguments"] == ("cpu", 3, PACKAGE_ROOT)
    monkeypatch.setenv("ISOFLOP_TOKEN", "s")
    monkeypatch.setenv("ISOFLOP_DATABASE_URL", "postgresql://me:s@host/x")
    monkeypatch.setattr(Worker, "__init__", lambda *_: None)
    before = os.umask(0o022)
    PlacedWorker("cpu", None, PACKAGE_ROOT)
    assert os.umask(before) == 0o077
    assert not {"ISOFLOP_TOKEN", "ISOFLOP_DATABASE_URL"} & set(os.environ)


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

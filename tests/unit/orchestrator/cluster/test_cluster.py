"""The pool of workers over a session that obeys the test instead of Ray."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestrator.attempts import Outcome, Report, RunProgress
from orchestrator.cluster import cluster as cluster_module
from orchestrator.cluster.cluster import MAX_FAILED_STARTS, SILENCE_MARGIN, Cluster
from orchestrator.cluster.ray_session import ClusterError, FailedStart
from orchestrator.states import Cause
from tests.unit.orchestrator.cluster.pool import TOKEN, assignment, start


def test_a_local_pool_starts_all_its_workers_each_on_its_core(made: list[Cluster]) -> None:
    pool, ray = start(made, 2)
    assert ray.size == (2, None) and ray.names == ("database", 7)
    cores = sorted(os.sched_getaffinity(0))
    assert [core for _, _, core in ray.asked] == [*cores, None, None][:2]
    assert [(demand.num_gpus, device) for demand, device, _ in ray.asked] == [(0.0, "cpu")] * 2
    assert pool.idle() == []
    ray.come_up(2)
    assert [slot.name for slot in pool.idle()] == ["worker-1"]
    ray.come_up(1)
    assert [slot.name for slot in pool.idle()] == ["worker-0", "worker-1"]
    assert pool.kinds().nodes == (), "a local Ray has what its workers have"
    pool.want({"": 9})
    assert ray.born == 2, "nor does it grow"


def test_gpus_are_shared_and_unpinned(made: list[Cluster]) -> None:
    pool, ray = start(made, 2, device="cuda:0", shares=4)
    assert [(demand.num_gpus, device, core) for demand, device, core in ray.asked] == [(0.25, "cuda:0", None)] * 2
    ray.come_up(1, gpus=("0",))
    assert [(slot.device, slot.shares, slot.memory, slot.gpu) for slot in pool.idle()] == [("node/0", 4, 100, True)]


def test_an_attempt_is_reported_once_with_its_outcome(made: list[Cluster]) -> None:
    pool, ray = start(made, 1)
    ray.come_up(1)
    (slot,) = pool.idle()
    pool.assign(slot.name, assignment("run", 3))
    assert pool.idle() == [] == pool.poll(0.1)
    ray.values["run on actor1"] = Outcome(Cause.DIVERGED)
    assert pool.poll(0.1) == [Report("worker-0", "run", 3, Outcome(Cause.DIVERGED))]
    assert pool.poll(0.1) == [] and [s.name for s in pool.idle()] == ["worker-0"]
    assert ray.killed == []


def test_a_worker_that_died_is_replaced_under_its_name(made: list[Cluster]) -> None:
    pool, ray = start(made, 1)
    ray.come_up(1)
    pool.idle()
    pool.assign("worker-0", assignment())
    pool.progress()
    ray.values["progress of actor1"] = {"run": RunProgress(flops=5e8)}
    assert pool.progress() == {"run": RunProgress(flops=5e8)}
    ray.values["run on actor1"] = "gone"
    assert pool.poll(0.1) == [Report("worker-0", "run", 1, Outcome(Cause.LOST, flops=5e8))]
    assert ray.killed == ["actor1"] and ray.born == 2
    assert ray.asked[0] == ray.asked[1], "on the same core"
    ray.come_up(2)
    assert [slot.name for slot in pool.idle()] == ["worker-0"]
    assert pool.progress() == {}


def test_progress_is_asked_for_again_only_after_an_answer(made: list[Cluster], clock: list[float]) -> None:
    pool, ray = start(made, 1)
    ray.come_up(1)
    pool.idle()
    pool.assign("worker-0", assignment())
    assert pool.progress() == {"run": RunProgress()} == pool.progress()
    ray.values["progress of actor1"] = {"run": RunProgress(7)}
    clock[0] += 5
    assert pool.progress() == {"run": RunProgress(7)}
    assert pool._pool[0].silence == 0
    ray.values["progress of actor1"] = None
    clock[0] += 5
    assert pool.progress() == {"run": RunProgress(7)} and pool._pool[0].silence == 5, "it is lost"


def test_a_worker_that_is_silent_beyond_its_lease_is_given_up(made: list[Cluster], clock: list[float]) -> None:
    pool, ray = start(made, 1)
    ray.come_up(1)
    pool.idle()
    pool.assign("worker-0", assignment())
    clock[0] += assignment().lease_seconds + SILENCE_MARGIN - 0.5
    assert pool.poll(0.0) == []
    clock[0] += 0.5
    (report,) = pool.poll(0.0)
    assert report.outcome.cause is Cause.LOST and "does not answer" in report.outcome.detail
    assert ray.killed == ["actor1"] and pool.poll(0.0) == []


def test_stopping_asks_the_worker_of_the_run_or_all(made: list[Cluster]) -> None:
    pool, ray = start(made, 2)
    ray.come_up(1, 2)
    pool.idle()
    for number in (0, 1):
        pool.assign(f"worker-{number}", assignment(f"run{number}"))
    pool.stop("run1")
    assert ray.stopped == [("actor2", "run1")]
    ray.values["run0 on actor1"] = Outcome(Cause.PREEMPTED)
    assert [(r.run_id, r.outcome.cause) for r in pool.stop_all(1.0)] == [("run0", Cause.PREEMPTED)]
    assert ray.stopped[1:] == [("actor1", "run0"), ("actor2", "run1")]


def test_workers_that_die_while_they_start_end_the_scheduler_unless_their_node_died(made: list[Cluster]) -> None:
    pool, ray = start(made, 1)
    for n in range(1, 10):
        ray.values[f"ready{n}"] = FailedStart("node", node_died=True)
        assert pool.idle() == []
    for n in range(10, 10 + MAX_FAILED_STARTS - 1):
        ray.values[f"ready{n}"] = FailedStart("boom", node_died=False)
        assert pool.idle() == []
    ray.come_up(ray.born)
    assert len(pool.idle()) == 1, "it starts: what failed before no longer counts"
    pool._replace(pool._pool[0])
    born = ray.born
    with pytest.raises(ClusterError, match="workers die while they start: boom"):
        for _ in range(MAX_FAILED_STARTS):
            ray.values[f"ready{ray.born}"] = FailedStart("boom", node_died=False)
            pool.idle()
    assert ray.born == born + MAX_FAILED_STARTS - 1


class TestOnACluster:
    """A pool that grows and shrinks."""

    @pytest.fixture
    def grown(self, made: list[Cluster]) -> tuple[Cluster, Any]:
        pool, ray = start(made, 8, address="10.0.0.1:6379")
        assert ray.born == 0
        pool.want({"": 3})
        ray.come_up(1, 2, 3)
        assert [slot.name for slot in pool.idle()] == ["worker-0", "worker-1", "worker-2"]
        return pool, ray

    def test_workers_are_requested_by_kind_and_not_pinned(self, made: list[Cluster]) -> None:
        _, ray = pool_and_ray = start(made, 8, address="10.0.0.1:6379")
        pool_and_ray[0].want({"": 1, "h100": 1})
        assert [(d.num_gpus, d.accelerator, device, core) for d, device, core in ray.asked] == [
            (0.0, None, "cpu", None), (1.0, "H100", "cuda", None),
        ]  # fmt: skip
        assert pool_and_ray[0].kinds().nodes == ("H100",)

    def test_idle_workers_end_after_a_while_the_latest_first(
        self, grown: tuple[Cluster, Any], clock: list[float]
    ) -> None:
        pool, ray = grown
        clock[0] += cluster_module.IDLE_SECONDS
        pool.want({"": 1})
        assert ray.closed == []
        clock[0] += 0.5
        pool.want({"": 1})
        assert ray.closed == ["actor3", "actor2"]

    def test_a_kind_that_waits_for_room_gets_it_at_once(self, made: list[Cluster], clock: list[float]) -> None:
        pool, ray = start(made, 2, address="10.0.0.1:6379")
        pool.want({"": 2})
        ray.come_up(1, 2)
        pool.idle()
        clock[0] += 0.5
        pool.want({"": 1, "h100": 1})
        assert ray.closed == ["actor2"] and [d.accelerator for d, _, _ in ray.asked] == [None, None, "H100"]

    def test_a_lost_worker_is_dropped_and_requested_anew_by_need(self, grown: tuple[Cluster, Any]) -> None:
        pool, ray = grown
        pool.assign("worker-1", assignment())
        ray.values["run on actor2"] = "gone"
        pool.poll(0.0)
        assert [slot.name for slot in pool.idle()] == ["worker-0", "worker-2"]
        pool.want({"": 3})
        ray.come_up(4)
        assert [slot.name for slot in pool.idle()] == ["worker-0", "worker-2", "worker-3"], "no name comes twice"

    def test_a_silent_head_is_asked_for_nothing(self, grown: tuple[Cluster, Any]) -> None:
        pool, ray = grown
        ray.head_answers = False
        pool.want({"": 8})
        assert ray.born == 3 and pool.kinds().nodes == ()


def test_closing_ends_workers_ray_and_the_folder(made: list[Cluster], caplog: pytest.LogCaptureFixture) -> None:
    pool, ray = start(made, 2)
    ray.come_up(2)
    pool.idle()
    folder = Path(pool.folder)
    assert folder.exists()
    pool.close()
    assert ray.closed == ["actor2", "actor1"] and ray.calls == ["start", "end"] and not folder.exists()
    assert caplog.messages == ["a note"]


def test_a_pool_that_never_started_closes_too(made: list[Cluster]) -> None:
    pool = Cluster(workers=1, device="cpu", token=TOKEN)
    made.append(pool)
    pool.close()
    assert pool._ray.calls == [] and not Path(pool.folder).exists()


def test_where_its_files_and_secrets_are_is_the_sessions_business(made: list[Cluster]) -> None:
    pool, ray = start(made, 1, hidden=frozenset({"KEY"}))
    assert ray.given == (pool._private, TOKEN, frozenset({"KEY"}))
    assert pool.folder == str(pool._private.path)


def test_its_own_process_is_the_first_that_is_recorded(made: list[Cluster]) -> None:
    pool, _ = start(made, 1)
    own = psutil.Process()
    (first, *_) = pool.processes()
    assert (first.pid, first.created, first.name) == (own.pid, own.create_time(), own.name())

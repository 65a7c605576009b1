"""A Ray of our own that dies: started again with its workers a few times, and given up with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.attempts import Outcome, RunProgress
from orchestrator.cluster.cluster import MAX_FAILED_STARTS, MAX_LOSSES, Cluster
from orchestrator.cluster.head_watch import HeadLost
from orchestrator.cluster.ray_session import ClusterError, FailedStart
from orchestrator.states import Cause
from tests.unit.orchestrator.cluster.pool import assignment, start


def busy(made: list[Cluster], workers: int = 2) -> tuple[Cluster, Any]:
    """A pool whose first worker has an attempt that has got somewhere."""
    pool, ray = start(made, workers)
    ray.come_up(*range(1, workers + 1))
    pool.idle()
    pool.assign("worker-0", assignment("run", 3))
    pool.progress()
    ray.values["progress of actor1"] = {"run": RunProgress(flops=5e8)}
    pool.progress()
    return pool, ray


def test_its_attempts_are_lost_and_its_workers_come_again(
    made: list[Cluster], caplog: pytest.LogCaptureFixture
) -> None:
    pool, ray = busy(made)
    ray.lost = "its process raylet has ended"
    (report,) = pool.poll(0.1)
    assert (report.worker, report.run_id, report.fence) == ("worker-0", "run", 3)
    assert report.outcome == Outcome(Cause.LOST, detail="its process raylet has ended", flops=5e8)
    assert ray.calls == ["start", "end", "start"] and ray.killed == []
    assert "raylet has ended: it is started again" in caplog.text
    assert pool.idle() == [] == pool.poll(0.1), "they import"
    ray.come_up(3, 4)
    assert [slot.name for slot in pool.idle()] == ["worker-2", "worker-3"]
    assert ray.names == ("database", 7)
    pool.assign("worker-2", assignment("run", 4))
    ray.values["run on actor3"] = Outcome(Cause.DONE)
    assert [r.outcome.cause for r in pool.poll(0.1)] == [Cause.DONE]


def lose(pool: Cluster, ray: Any, times: int) -> None:
    for _ in range(times):
        ray.lost = "its process raylet has ended"
        assert pool.poll(0.1) == []


def test_one_that_dies_again_and_again_is_given_up_with_its_reports_first(made: list[Cluster]) -> None:
    pool, ray = busy(made, 1)
    ray.lost = "its process raylet has ended"
    assert len(pool.poll(0.1)) == 1
    lose(pool, ray, MAX_LOSSES - 1)
    assert ray.calls.count("start") == 1 + MAX_LOSSES
    ray.come_up(ray.born)
    (slot,) = pool.idle()
    pool.assign(slot.name, assignment("last", 9))
    ray.lost = "its process raylet has ended"
    assert [report.run_id for report in pool.poll(0.1)] == ["last"]
    for _ in range(2):
        with pytest.raises(HeadLost, match=f"raylet has ended, {MAX_LOSSES + 1} times in a row: see whether"):
            pool.poll(0.1)
    assert pool.idle() == [] == pool.stop_all(1.0)
    calls = list(ray.calls)
    assert calls[-1] == "end"
    pool.close()
    assert ray.calls == calls, "it is gone already"


def test_an_attempt_that_ends_shows_that_it_was_worth_it(made: list[Cluster]) -> None:
    pool, ray = start(made, 1)
    for _ in range(2):
        lose(pool, ray, MAX_LOSSES)
        ray.come_up(ray.born)
        (slot,) = pool.idle()
        pool.assign(slot.name, assignment())
        ray.values[f"run on actor{ray.born}"] = Outcome(Cause.CODE)
        assert len(pool.poll(0.1)) == 1


def test_one_that_cannot_be_started_again_is_given_up(made: list[Cluster]) -> None:
    pool, ray = busy(made, 1)
    ray.lost, ray.start_fails = "its process raylet has ended", True
    assert len(pool.poll(0.1)) == 1
    with pytest.raises(HeadLost, match="raylet has ended, and cannot be started again: Ray cannot be started"):
        pool.poll(0.1)


def test_the_head_of_a_cluster_is_not_ours_to_start(made: list[Cluster]) -> None:
    pool, ray = start(made, 1, address="10.0.0.1:6379")
    ray.lost = "the head does not answer"
    with pytest.raises(HeadLost, match="the head does not answer"):
        pool.poll(0.1)
    assert ray.calls == ["start"]


def test_closing_waits_for_no_worker_of_a_ray_that_is_gone(
    made: list[Cluster], caplog: pytest.LogCaptureFixture
) -> None:
    pool, ray = busy(made)
    ray.lost = "its process gcs_server has ended"
    pool.close()
    assert ray.closed == [] and ray.calls == ["start", "end"]
    assert "gcs_server has ended" in caplog.text


def test_a_worker_for_which_memory_is_short_is_done_without(
    made: list[Cluster], caplog: pytest.LogCaptureFixture
) -> None:
    pool, ray = start(made, 3)
    ray.come_up(1)
    ray.values["ready2"] = FailedStart("memory ran short", out_of_memory=True)
    assert [slot.name for slot in pool.idle()] == ["worker-0"]
    assert ray.killed == ["actor2"] and ray.born == 3
    assert "memory ran short while it started: the others go on without it" in caplog.text
    ray.come_up(3)
    assert [slot.name for slot in pool.idle()] == ["worker-0", "worker-2"]


def test_memory_too_short_for_any_worker_ends_the_scheduler(made: list[Cluster]) -> None:
    pool, ray = start(made, 1)
    with pytest.raises(ClusterError, match="workers die while they start: memory ran short"):
        for _ in range(MAX_FAILED_STARTS):
            ray.values[f"ready{ray.born}"] = FailedStart("memory ran short", out_of_memory=True)
            pool.idle()

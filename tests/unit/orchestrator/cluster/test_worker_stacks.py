"""A real worker that trains several runs at a time: together, one after the other, and some that come later."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from model.config import RunConfig
from model.implementation import Implementation
from model.scoring import RunResult
from model.stacked import turns
from orchestrator.cluster.artifact_store import open_artifacts
from orchestrator.cluster.worker import Worker
from orchestrator.states import Cause
from tests.unit.orchestrator.cluster.worker_fixtures import assignment_of, changed


def test_a_stack_is_trained_together_and_each_run_ends_by_itself(
    prepared: tuple[Path, RunConfig], worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, base = prepared
    runs = [changed(base, seed=30 + i, sequences=n) for i, n in enumerate((47, 20, 33))]
    wild = changed(base, seed=40, lr=1e30, sequences=400)
    stack = tuple(run.run_id for run in (*runs, wild))
    given = [assignment_of(str(root), run, stack=stack, stacked=8, share=0.7) for run in (*runs, wild)]
    kept: list[float] = []
    monkeypatch.setattr(worker, "_keep_to", kept.append)
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(worker.train, given))
    assert kept == [1.0], "all shares together, of one device"
    assert [outcome.cause for outcome in outcomes] == [Cause.DONE] * 3 + [Cause.DIVERGED]
    for run, outcome in zip(runs, outcomes, strict=False):
        assert outcome.result is not None and outcome.seconds is not None
        assert outcome.result["implementation"]["stacked"] == 8
        alone = worker.train(assignment_of(str(root), run, fence=2))
        assert alone.result is not None and alone.seconds is None
        assert outcome.result["loss"] == pytest.approx(alone.result["loss"], abs=1e-4)
        assert outcome.flops == alone.flops == alone.result["flops"]
        assert [e["kind"] for e in open_artifacts(str(root)).events(run.run_id, 1)][-1] == "result"
    assert set(worker.progress()) == {runs[2].run_id}


def test_a_run_that_memory_ran_out_for_is_not_stacked(prepared: tuple[Path, RunConfig], worker: Worker) -> None:
    root, base = prepared
    run = changed(base, seed=50)
    outcome = worker.train(assignment_of(str(root), run, stacked=8, micro_batch=2))
    assert outcome.result is not None, outcome.detail
    computed = outcome.result["implementation"]
    assert (computed["stacked"], computed["micro_batch"]) == (0, 2)


def test_runs_that_are_not_stacked_here_are_charged_for_their_own_time(
    prepared: tuple[Path, RunConfig], worker: Worker
) -> None:
    root, base = prepared
    runs = [changed(base, seed=seed) for seed in (70, 71, 72)]
    stack = tuple(run.run_id for run in runs)
    began = time.monotonic()
    with ThreadPoolExecutor(3) as threads:
        outcomes = list(threads.map(worker.train, [assignment_of(str(root), run, stack=stack) for run in runs]))
    wall = time.monotonic() - began
    seconds = [outcome.seconds for outcome in outcomes if outcome.seconds is not None]
    assert len(seconds) == 3 and 0 < sum(seconds) <= wall
    assert [o.result["implementation"]["stacked"] for o in outcomes if o.result] == [0, 0, 0]


def test_of_a_quarter_of_a_device_a_quarter_of_the_seconds_counts(
    prepared: tuple[Path, RunConfig], worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of training counts the worker's; what is told, logged and predicted from counts the device's."""
    root, base = prepared
    freed: list[int] = []
    monkeypatch.setattr(worker, "_free_memory", lambda: freed.append(1))
    seconds, whole = [], RunResult.on_part

    def noted(result: RunResult, part: float) -> RunResult:
        seconds.append((result.train_seconds, part))
        return whole(result, part)

    monkeypatch.setattr(RunResult, "on_part", noted)
    runs = [changed(base, seed=seed) for seed in (80, 81)]
    stack = tuple(run.run_id for run in runs)
    given = [assignment_of(str(root), run, stack=stack, stacked=8, share=0.125, of_device=0.25) for run in runs]
    began = time.monotonic()
    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(worker.train, given))
    wall = time.monotonic() - began
    told = [outcome.result["train_seconds"] for outcome in outcomes if outcome.result]
    assert sorted(told) == sorted(taken * part for taken, part in seconds) and {part for _, part in seconds} == {0.25}
    assert 0 < sum(outcome.seconds or 0.0 for outcome in outcomes) <= wall / 4
    assert freed == [1], "for the device's other workers"


def test_what_befalls_a_whole_stack_is_the_end_of_each(
    prepared: tuple[Path, RunConfig], worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, base = prepared
    runs = [changed(base, seed=seed) for seed in (60, 61)]
    monkeypatch.setattr("model.choice.stored_implementation", lambda *_, **__: 1 / 0)
    given = [assignment_of(str(root), run, stack=tuple(r.run_id for r in runs)) for run in runs]
    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(worker.train, given))
    assert [outcome.cause for outcome in outcomes] == [Cause.CODE] * 2
    assert all("ZeroDivisionError" in outcome.detail for outcome in outcomes)


def test_a_run_enters_a_stack_in_training(
    prepared: tuple[Path, RunConfig], worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that cannot be read, which ends by itself."""
    root, base = prepared
    first, second, later = (changed(base, seed=80 + i, sequences=n) for i, n in enumerate((400, 24, 40)))
    stack = (first.run_id, second.run_id)
    sizes: list[int] = []
    real = turns.Stack
    monkeypatch.setattr(turns, "Stack", lambda given: sizes.append(len(given)) or real(given))
    given = [assignment_of(str(root), run, stack=stack, stacked=3) for run in (first, second)]
    entering = assignment_of(str(root), later, stack=(stack[0], later.run_id), stacked=3, enters=True)
    broken = replace(entering, run_id="broken", config={})
    with ThreadPoolExecutor(4) as threads:
        pair = [threads.submit(worker.train, each) for each in given]
        assert pair[1].result(60).cause is Cause.DONE
        others = [threads.submit(worker.train, each) for each in (entering, broken)]
        outcomes = [future.result(60) for future in (pair[0], *others)]
    assert [outcome.cause for outcome in outcomes] == [Cause.DONE, Cause.DONE, Cause.CODE]
    assert sizes[0] == 2 and 2 in sizes[1:], "it was trained with the first"
    alone = worker.train(assignment_of(str(root), later, fence=2))
    entered = outcomes[1].result
    assert entered is not None and alone.result is not None and outcomes[1].seconds is not None
    assert entered["loss"] == pytest.approx(alone.result["loss"], abs=1e-4)
    assert outcomes[1].flops == alone.flops


@pytest.mark.parametrize("stacked", [0, 1])
def test_a_run_that_waits_for_its_turn_ends_when_it_is_asked_to(
    prepared: tuple[Path, RunConfig], worker: Worker, stacked: int
) -> None:
    root, base = prepared
    runs = [changed(base, seed=90 + 10 * stacked + i, sequences=400) for i in range(2)]
    stack = tuple(run.run_id for run in runs)
    given = [assignment_of(str(root), run, stack=stack, stacked=stacked) for run in runs]
    worker.stop(*given[1].key)
    with ThreadPoolExecutor(2) as threads:
        first, second = (threads.submit(worker.train, each) for each in given)
        assert second.result(60).cause is Cause.PREEMPTED
        assert not first.done(), "it does not wait for the end of the other"
        worker.stop(*given[0].key)
        assert first.result(60).cause is Cause.PREEMPTED


def test_batches_that_differ_step_together_as_was_measured(
    prepared: tuple[Path, RunConfig], worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, base = prepared
    runs = [changed(base, seed=110 + batch, batch=batch, sequences=24) for batch in (3, 4)]
    monkeypatch.setattr("model.choice._faster_mix", lambda run, smallest, chosen, _: mixed(run, smallest, chosen))

    def mixed(run: RunConfig, smallest: int, chosen: Implementation) -> Implementation:
        assert (run.train.batch, smallest) == (4, 3)
        return replace(chosen, batches="separate")

    given = [assignment_of(str(root), run, stack=tuple(r.run_id for r in runs), stacked=2) for run in runs]
    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(worker.train, given))
    assert [o.result and o.result["implementation"]["batches"] for o in outcomes] == ["separate"] * 2

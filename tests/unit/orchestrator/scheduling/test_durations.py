"""Predicted seconds learn from finished runs: sizes, evaluation, starts, resumed runs."""

from __future__ import annotations

import random
from dataclasses import replace
from importlib import resources

import pytest

from model.config import ModelConfig, TrainConfig
from orchestrator.scheduling.durations import Durations, checkpoint_interval, median_error, run_seconds
from orchestrator.scheduling.progress import progress_of
from orchestrator.scheduling.speed import SpeedModel
from orchestrator.states import RunState
from orchestrator.store import LostAttempts, RunRecord
from orchestrator.use_cases.submission import new_run
from sweeps.file.compose import load_sweep
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts
from tests.unit.orchestrator.scheduling.rates import rates_at
from tests.unit.orchestrator.store_fixtures import made_cell

TOKENS = 1e5


def run(params: float, base: float | None = 10.0, **changes: object) -> RunRecord:
    cell = made_cell(params=params, tokens=TOKENS, predicted_seconds=base)
    record = RunRecord("r", {}, 1e9, base, RunState.QUEUED, 0, None, None, None, None, None, None, cell=cell)
    return replace(record, **changes)  # type: ignore[arg-type]


def done(params: float, factor: float, base: float = 10.0, evaluation: float = 0.0, **result: object) -> RunRecord:
    """A run that trained for factor × base seconds."""
    extra = {"evaluation_seconds": evaluation, "tokens": TOKENS, **result}
    return run(params, base, state=RunState.DONE, seconds=factor * base, result=extra)


def test_after_ten_runs_the_median_error_is_small_though_the_calibration_is_wrong_by_size() -> None:
    """A calibration that is off by a factor of 1.5 to 3.5 with the size, and runs that scatter by 5 %."""
    draw = random.Random(0)
    sizes = [10 ** draw.uniform(4, 7) for _ in range(60)]
    factors = [1.5 * (n / 1e4) ** 0.12 * draw.lognormvariate(0, 0.05) for n in sizes]
    finished = [done(n, f, evaluation=0.3 * f) for n, f in zip(sizes, factors, strict=True)]
    uncorrected = [abs(10 / (10 * f) - 1) for f in factors[10:]]
    assert sorted(uncorrected)[len(uncorrected) // 2] > 0.4
    durations, scored = Durations(), []
    for i, ended in enumerate(finished):
        if i >= 10:
            scored.append(replace(ended, predicted_seconds=durations.seconds(run(sizes[i]))))
        durations.learn(ended)
    error = median_error(scored)
    assert error is not None and error <= 0.15


def test_before_any_run_ended_the_calibration_holds_and_without_one_nothing_is_known() -> None:
    assert Durations().seconds(run(1e5, 12.5)) == 12.5
    assert Durations.of([done(1e5, 2.0)]).seconds(run(1e5, None, predicted_seconds=None)) is None


def test_evaluation_is_predicted_from_tokens_and_belongs_to_what_a_run_took() -> None:
    durations = Durations.of([done(1e5, 1.0, evaluation=2.0)] * 50)
    assert durations.seconds(run(1e5)) == pytest.approx(12.0, rel=0.01)
    assert run_seconds(done(1e5, 1.0, evaluation=2.0)) == 12.0


def test_a_resumed_run_teaches_its_rate_and_a_fresh_one_the_time_of_a_start_too() -> None:
    durations = Durations.of([done(1e5, 2.0, resumed_from_step=40)] * 50)
    assert durations.seconds(run(1e5)) == pytest.approx(20.0, rel=0.01)
    fresh = done(1e5, 2.0, startup_seconds=0.7)
    durations.learn(fresh)
    assert durations.seconds(run(1e5)) == pytest.approx(20.7, rel=0.01)
    assert run_seconds(fresh) == 20.7


def test_a_second_sweep_is_not_corrected_twice() -> None:
    """Its plan has learned what the first one's runs took; so has the scheduler that hands its runs out."""
    rates = rates_at((1e5, 1e9))
    model = ModelConfig(vocab=64, context=32, d_model=16, n_layers=2, n_heads=2, d_ff=32)
    train = TrainConfig(sequences=80, batch=8, lr=0.01)
    first = SpeedModel(rates, Durations()).seconds(model, train)
    learned = Durations.of([done(1e5, 2.0)] * 50)
    cost = SpeedModel(rates, learned)
    assert cost.seconds(model, train) == pytest.approx(2 * first, rel=0.01)
    facts = DataFacts("d" * 64, vocab=64, train_tokens=20_000_000, validation_tokens=200_000)
    plan = make_plan(load_sweep(resources.files("sweeps.conf").joinpath("tiny.yaml").read_bytes()), facts, cost)
    cell = new_run(plan.runs[0], cost).cell
    assert cell.predicted_seconds == pytest.approx(2 * cell.calibrated_seconds, rel=0.01)
    queued = run(1e5, cell.predicted_seconds)
    assert learned.seconds(replace(queued, cell=cell)) == pytest.approx(cell.predicted_seconds)


def test_far_sizes_go_by_the_nearest_known() -> None:
    durations = Durations.of([done(1e4, 1.0)] * 20 + [done(1e6, 3.0)] * 20)
    low, high = durations.seconds(run(1e4)), durations.seconds(run(1e9))
    assert low == pytest.approx(10, rel=0.05) and high == pytest.approx(30, rel=0.05)


def test_few_runs_have_no_median_error() -> None:
    assert median_error([done(1e5, 1.0)] * 9) is None
    assert median_error([done(1e5, 1.0)] * 10) == 0.0


def test_the_time_left_goes_by_what_finished_runs_took() -> None:
    ended = [replace(done(1e5, 3.0), id=f"d{i}") for i in range(30)]
    left = progress_of([*ended, run(1e5), replace(run(1e5), id="q")], {}, 1).seconds_left
    assert left == pytest.approx(60, rel=0.02)


def test_checkpoints_follow_from_what_they_cost_and_how_often_workers_are_lost() -> None:
    """The interval minimises δ ÷ τ + τ ÷ 2M, the share of time that writing and repeating take."""
    hour = 3600.0
    tau = checkpoint_interval(1e6, LostAttempts(9, 54 * hour))  # M = 6 h
    write = 0.02 + 12e6 / 2e8

    def overhead(interval: float) -> float:
        return write / interval + interval / (2 * 6 * hour)

    assert overhead(tau) <= min(overhead(0.8 * tau), overhead(1.25 * tau))
    assert checkpoint_interval(1e9, LostAttempts(9, 54 * hour)) > tau, "a larger one is written less often"
    assert checkpoint_interval(1e6, LostAttempts(99, 54 * hour)) < tau, "workers that are lost often write more often"
    assert checkpoint_interval(1e3, LostAttempts(10**6, hour)) == 5.0
    assert checkpoint_interval(1e12, LostAttempts(0, 1e9)) == 1800.0
